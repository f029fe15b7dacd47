"""Validates objects of Kubernetes, Knative and the Prometheus operator against models made from their definitions.

Reads a JSON array of objects on standard input; prints a JSON array with, for each, null when there is no model of its
kind, or the list of what is wrong. Unknown fields are wrong, which an API server would drop without a word.
"""
import importlib
import json
import pkgutil
import sys
import warnings

warnings.simplefilter("ignore")  # about models that are not used here

from cloudcoil.resources import Resource  # noqa: E402
from pydantic import ValidationError  # noqa: E402

PACKAGES = [
    "kubernetes.apps.v1", "kubernetes.autoscaling.v2", "kubernetes.batch.v1", "kubernetes.core.v1",
    "kubernetes.networking.v1", "kubernetes.node.v1", "kubernetes.policy.v1",
    "knative_serving", "knative_eventing.eventing", "prometheus_operator",
]
# Experimental fields that Knative takes and its published definitions leave out.
UNPUBLISHED = {("spec", "delivery", "timeout"), ("spec", "delivery", "format"), ("spec", "delivery", "retryAfterMax")}


def modules():
    for name in PACKAGES:
        package = importlib.import_module(f"cloudcoil.models.{name}")
        yield package
        for found in pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}."):
            yield importlib.import_module(found.name)


def models():
    known = {}
    for module in modules():
        for model in vars(module).values():
            if isinstance(model, type) and issubclass(model, Resource) and "kind" in model.model_fields:
                fields = model.model_fields
                known[fields["api_version"].default, fields["kind"].default] = model
    return known


def faults(model, document):
    try:
        model.model_validate_json(json.dumps(document), strict=True, extra="forbid")
        return []
    except ValidationError as error:
        return [
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors()
            if not (each["type"] == "extra_forbidden" and each["loc"] in UNPUBLISHED)
        ]


known = models()
answers = []
for document in json.load(sys.stdin):
    model = known.get((document["apiVersion"], document["kind"]))
    answers.append(None if model is None else faults(model, document))
json.dump(answers, sys.stdout)
