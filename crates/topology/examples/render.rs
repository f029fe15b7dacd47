//! Prints what a kustomization builds, as a JSON array: `cargo run --example render -- knative/overlays/container`.

use std::path::Path;

fn main() {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: render FOLDER, in the checkout");
        std::process::exit(2);
    };
    match learnflow_topology::render(Path::new("."), &folder) {
        Ok(objects) => println!("{}", serde_json::Value::from(objects)),
        Err(errors) => {
            eprintln!("{errors}");
            std::process::exit(1);
        }
    }
}
