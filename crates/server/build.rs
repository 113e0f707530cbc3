//! Line numbers for backtraces make up half of the program: they are kept compressed in it.
#![allow(clippy::disallowed_methods, reason = "cargo tells build scripts by the environment")]

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-bins=-Wl,--compress-debug-sections=zlib");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
