//! Prints the document that describes the HTTP API. `cargo xtask openapi` writes it to `docs/openapi.json`.
#![allow(clippy::print_stdout, reason = "this is a program, and that is its output")]

fn main() {
    print!("{}", management_api::openapi());
}
