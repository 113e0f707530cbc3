//! The sizes that AMQP 0-9-1 and RabbitMQ fix.

/// The bytes that a frame adds to its payload: type (1), channel (2), size (4), end octet (1).
/// Specification §2.3.5.
pub const FRAME_OVERHEAD_BYTES: usize = 8;

/// The bytes of a frame before its payload.
pub const FRAME_HEAD_BYTES: usize = 7;

/// The smallest frame size that a peer may negotiate. RabbitMQ since 4.1; the specification says 4096.
pub const FRAME_MIN_SIZE: u32 = 8192;

/// The frame size that RabbitMQ proposes (`frame_max`).
pub const FRAME_MAX_DEFAULT: u32 = 131_072;

/// The largest frame before the size is negotiated (RabbitMQ's `initial_frame_max`).
pub const FRAME_MAX_INITIAL: u32 = 8192;

/// How many bytes a payload may exceed what `frame_max` allows: RabbitMQ tolerates clients that forget to
/// count the frame's own eight bytes (`FRAME_SIZE_FUDGE` in rabbit_reader.erl).
pub const FRAME_SIZE_FUDGE: usize = FRAME_OVERHEAD_BYTES;

/// The largest body of one message in RabbitMQ, whatever is configured: 512 MiB.
pub const BODY_LEN_MAX: u64 = 536_870_912;

/// The longest short string: its length is one octet.
pub const SHORT_STRING_LEN_MAX: usize = 255;

/// How deep field tables and arrays may nest. RabbitMQ has no such limit; a limit keeps hostile bytes from
/// eating the stack.
pub const TABLE_DEPTH_MAX: usize = 64;

/// The channel number of methods that concern the whole connection.
pub const CHANNEL_OF_CONNECTION: u16 = 0;

/// The longest properties that a content header has room for in a frame of at most `frame_max` bytes (0: any): beside them are
/// class, weight and the body's length. A header cannot be cut into several frames as a body can.
pub const fn properties_max(frame_max: u32) -> usize {
    const BESIDE_BYTES: usize = FRAME_OVERHEAD_BYTES + 2 + 2 + 8;
    if frame_max == 0 { usize::MAX } else { (frame_max as usize).saturating_sub(BESIDE_BYTES) }
}

/// The largest payload that `frame::parse` should accept after `frame_max` was negotiated, as RabbitMQ reckons:
/// `frame_max`, less a frame's own bytes, plus [`FRAME_SIZE_FUDGE`]. A `frame_max` of 0 means "no limit" on
/// the wire; a server here always has one, so 0 stands for [`FRAME_MAX_DEFAULT`].
pub const fn payload_max(frame_max: u32) -> usize {
    let frame_max = if frame_max == 0 { FRAME_MAX_DEFAULT } else { frame_max };
    (frame_max as usize).saturating_sub(FRAME_OVERHEAD_BYTES).saturating_add(FRAME_SIZE_FUDGE)
}
