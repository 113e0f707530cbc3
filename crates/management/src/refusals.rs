//! The broker's refusals in the words of the API.
//!
//! RabbitMQ's API asks the broker by AMQP itself, and passes on what that says. So does this one.

use broker::Refusal;

use crate::failure::Failure;

/// What an operator is told.
pub(crate) fn failure(refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::NoVhost { .. } => return Failure::missing("vhost_not_found"),
        Refusal::ProtectedVhost { name } => {
            return Failure::Precondition(format!(
                "Refusing to delete virtual host '{name}' because it is protected from deletion"
            ));
        }
        Refusal::UnknownExchangeKind { kind } => {
            return Failure::bad(format!("invalid exchange type '{kind}'"));
        }
        Refusal::InvalidPolicy(invalid) => {
            return Failure::bad(format!("Validation failed\n\n{invalid}\n"));
        }
        _ => {}
    }
    let (code, text) = proto_amqp091::refusal_words(refusal);
    match code {
        403 => Failure::NotAuthorised("Access refused.".to_owned()),
        404 => Failure::missing(text),
        _ => Failure::bad(text),
    }
}
