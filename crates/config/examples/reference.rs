//! Prints the page of documentation about options: `cargo xtask docs` writes it.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

fn main() {
    print!("{}", config::page());
}
