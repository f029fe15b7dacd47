//! Schemas that utoipa cannot derive: types of the event catalogue, which describes them itself, and texts that are
//! one of a few words.

use learnflow_events::{code, payload};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// Where an OpenAPI document keeps its schemas.
const PLACE: &str = "/components/schemas";

/// Stand-ins for types of the catalogue, for `#[schema(value_type = …)]`: they are references in the document, and
/// [`catalogue`] is what they refer to.
macro_rules! catalogued {
    ($($name:ident = $type:ty),+ $(,)?) => {
        $(
            pub(crate) enum $name {}

            impl PartialSchema for $name {
                /// A place for what [`catalogue`] says, which holds more than utoipa's types can.
                fn schema() -> RefOr<Schema> {
                    RefOr::T(Schema::default())
                }
            }

            impl ToSchema for $name {}
        )+

        fn referred(generator: &mut SchemaGenerator) {
            $( let _ = generator.subschema_for::<$type>(); )+
        }
    };
}

catalogued! {
    AgentResponded = payload::AgentResponded,
    AnsweredBy = payload::AnsweredBy,
    HintTier = payload::HintTier,
    ModelUse = payload::ModelUse,
    Outcome = code::Outcome,
    PythonError = code::PythonError,
    QuerySubmitted = payload::QuerySubmitted,
    ResponseType = payload::ResponseType,
    RoutingDecision = RoutedQuery,
    RunReport = code::RunReport,
    RunRequest = code::RunRequest,
    StruggleLevel = payload::StruggleLevel,
}

/// What triage answers at once: its event, without the question.
struct RoutedQuery;

impl JsonSchema for RoutedQuery {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RoutingDecision".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
        let mut schema = payload::QueryRouted::json_schema(generator);
        schema.insert("description".to_owned(), "Who answers a turn, and why.".into());
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.remove("query");
        }
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|name| name != "query");
        }
        schema
    }
}

/// The catalogue's schemas by name, as an OpenAPI document holds them.
pub(crate) fn catalogue() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = PLACE.into());
    let mut generator = settings.into_generator();
    referred(&mut generator);
    generator.take_definitions(true)
}

/// Stand-ins for fields of type `String` that hold one of a few words.
macro_rules! words {
    ($($(#[$about:meta])* $name:ident = [$($word:literal),+]),+ $(,)?) => {
        $(
            $(#[$about])*
            pub(crate) enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([$($word),+]));
                    words.into()
                }
            }

            impl ToSchema for $name {}
        )+
    };
}

words! {
    /// What somebody is in a class.
    ClassRole = ["student", "teacher"],
    /// Where a turn is.
    TurnStatus = ["received", "routed", "answered", "failed"],
    /// How far a student is, and for whom an exercise is.
    SkillLevel = ["beginner", "intermediate", "advanced"],
    /// How far a student is with an exercise.
    ExerciseState = ["new", "tried", "passed"],
    /// Why something is to be learnt next.
    Reason = ["repair", "continue", "next"],
    /// How an agent is.
    AgentStatus = ["active", "idle", "error"],
    /// A program that an exercise is verified with.
    CheckedProgram = ["solution", "starter", "wrong"],
    /// What the tests must say of it.
    CheckedOutcome = ["pass", "fail"],
}
