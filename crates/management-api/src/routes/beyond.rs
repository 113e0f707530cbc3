//! Routes that RabbitMQ does not have: a look at messages without taking them, the way back for dead letters, and why a
//! message goes where it goes.

use crate::route::{Access, Method, Route, served};
use crate::route_id::RouteId as Id;

pub(super) const ROUTES: &[Route] = &[
    served(
        Method::Post,
        "/leveret/exchanges/:vhost/:exchange/explain",
        Access::Vhost,
        Id::Explain,
        "Where a message would go that is published to an exchange, and which bindings send it there. Nothing is published.",
    ),
    served(
        Method::Get,
        "/leveret/queues/:vhost/:queue/messages",
        Access::Vhost,
        Id::PeekMessages,
        "A look at the ready, unacknowledged or delayed messages of a queue, which nobody but the caller notices.",
    ),
    served(
        Method::Delete,
        "/leveret/queues/:vhost/:queue/delayed/:lane/:place",
        Access::Vhost,
        Id::CancelDelayed,
        "Calls off a message that waits for its time.",
    ),
    served(
        Method::Post,
        "/leveret/queues/:vhost/:queue/redrive",
        Access::Vhost,
        Id::Redrive,
        "Moves messages of a dead-letter queue back to where they died, or elsewhere.",
    ),
];
