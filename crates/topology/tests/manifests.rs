//! The real manifests.

use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_real_manifests_load() {
    for overlay in ["container", "spinkube"] {
        let graph =
            learnflow_topology::load(root(), overlay).unwrap_or_else(|errors| panic!("{overlay}:\n{errors}"));
        assert_eq!(graph.app.components.len(), 6);
    }
}
