//! Buffers stay within their bounds.

use crate::checkers::Checker;
use crate::fact::Fact;
use crate::model::Model;

/// A client that takes nothing is not listened to above 1 MiB; what a turn adds, and what consumers have in their
/// windows, comes on top.
const OUTPUT_BYTES_MAX: usize = 6 << 20;
/// Publishers are held back above 8 MiB; what one turn takes comes on top.
const UNWRITTEN_BYTES_MAX: usize = 12 << 20;
/// A world publishes less than this in all its life.
const RESIDENT_BYTES_MAX: usize = 64 << 20;

/// No buffer grows beyond what its limit allows.
#[derive(Debug)]
pub(crate) struct Bounds;

impl Checker for Bounds {
    fn promise(&self) -> &'static str {
        "buffers stay within their bounds"
    }

    fn hear(&mut self, _: &Model, fact: &Fact) -> Result<(), String> {
        let Fact::Turned(load) = fact else { return Ok(()) };
        let is_within = load.output_bytes <= OUTPUT_BYTES_MAX
            && load.unwritten_bytes <= UNWRITTEN_BYTES_MAX
            && load.resident_bytes <= RESIDENT_BYTES_MAX;
        if is_within { Ok(()) } else { Err(format!("{load:?}")) }
    }
}
