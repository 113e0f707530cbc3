//! Bytes as an AMQP 0-9-1 field table.
#![no_main]

#[path = "../../crates/wire-amqp091/tests/checks/mod.rs"]
#[allow(dead_code, reason = "each target runs one of the checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::table(bytes));
