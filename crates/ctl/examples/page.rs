//! Prints the page `docs/command-line.md`.
#![allow(clippy::print_stdout, reason = "this is a program that prints")]

fn main() {
    print!("{}", ctl::page());
}
