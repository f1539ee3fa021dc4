//! Watches the built page, because new files alone do not make the embedding macro run again.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_UI").is_none() {
        return;
    }
    println!("cargo::rerun-if-changed=../../ui/dist");
    if !Path::new("../../ui/dist/index.html").is_file() {
        println!(
            "cargo::error=the feature `ui` embeds ui/dist, which has not been built; run `./x build`, \
             or leave out the feature"
        );
    }
}
