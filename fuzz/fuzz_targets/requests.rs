//! Bytes as requests of HTTP to a node in memory.
#![no_main]

#[path = "../../crates/management/tests/checks/mod.rs"]
mod checks;

use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};

/// Nobody waits here: where all wait for the clock, it goes on.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::requests(bytes, &RUNTIME));
