//! What a consumer asks for beside its flags: its arguments.

use message::{Arguments, Value};
use metadata::{Queue as Definition, QueueKind};
use queue::Consumer;

use crate::refusal::{ArgumentFault, InvalidArgument, Object, Refusal};

const PRIORITY: &str = "x-priority";
const TIMEOUT: &str = "x-consumer-timeout";

/// What only streams have a use for.
const OF_STREAMS: [&str; 3] = ["x-stream-offset", "x-stream-filter", "x-stream-match-unfiltered"];

/// Puts what the arguments say into the consumer. RabbitMQ passes over those that mean nothing to any queue.
///
/// # Errors
/// [`Refusal::InvalidArgument`] for a value that cannot be, or an argument that means nothing to this kind of queue.
pub(crate) fn read(
    arguments: &Arguments,
    consumer: &mut Consumer,
    definition: &Definition,
    kind: QueueKind,
) -> Result<(), Refusal> {
    let invalid = |argument: &'static str, fault: ArgumentFault| {
        let (name, vhost) = (definition.name.clone(), definition.vhost.clone());
        let object = Object::Queue;
        Refusal::InvalidArgument(Box::new(InvalidArgument { argument, object, name, vhost, fault }))
    };
    let integer = |argument: &'static str, value: &Value| {
        let integer = value.as_integer();
        integer.ok_or_else(|| invalid(argument, ArgumentFault::NotAnInteger(value.clone())))
    };
    for foreign in OF_STREAMS {
        if arguments.contains_key(foreign) {
            return Err(invalid(foreign, ArgumentFault::Foreign(kind)));
        }
    }
    if let Some(value) = arguments.get(TIMEOUT) {
        if kind != QueueKind::Quorum {
            return Err(invalid(TIMEOUT, ArgumentFault::Foreign(kind)));
        }
        let timeout_ms = integer(TIMEOUT, value)?;
        let negative = |_| invalid(TIMEOUT, ArgumentFault::Negative(timeout_ms));
        consumer.timeout_ms = Some(u64::try_from(timeout_ms).map_err(negative)?);
    }
    if let Some(value) = arguments.get(PRIORITY) {
        // Nobody has so many consumers that the rest of the range would be missed.
        let priority = integer(PRIORITY, value)?.clamp(i32::MIN.into(), i32::MAX.into());
        consumer.priority = priority.try_into().expect("it has been clamped");
    }
    Ok(())
}
