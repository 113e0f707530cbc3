//! Routes that RabbitMQ does not have: a look at messages without taking them, the way back for dead letters, why a
//! message goes where it goes, what the process can be told while it runs, and which certificates it uses.

use crate::route::{Access, Method, Route, served};
use crate::route_id::RouteId as Id;

pub(super) const ROUTES: &[Route] = &[
    served(
        Method::Get,
        "/events",
        Access::Monitoring,
        Id::Events,
        "What happens to connections, queues, users and whatever else is declared, live, as server-sent events with RabbitMQ's names; only those that fit `pattern`, and from `Last-Event-ID` on. It ends after `limit` events or `duration_ms`.",
    ),
    served(
        Method::Get,
        "/queues/:vhost/:queue/trace",
        Access::Vhost,
        Id::TraceQueue,
        "What happens to the messages of a queue, live, as server-sent events: `payload_bytes` of each body are shown, and it ends after `limit` events or `duration_ms`.",
    ),
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
    served(
        Method::Post,
        "/leveret/stop",
        Access::Administrator,
        Id::Stop,
        "Stops the node as SIGTERM does, once this is answered.",
    ),
    served(
        Method::Post,
        "/leveret/logs/rotate",
        Access::Administrator,
        Id::RotateLog,
        "Closes the file of the log and opens it again, for tools that rotate logs.",
    ),
    served(
        Method::Put,
        "/leveret/log-level",
        Access::Administrator,
        Id::SetLogLevel,
        "Logs what is at least so important, until the node stops: `{\"level\": \"debug\"}`.",
    ),
    served(
        Method::Get,
        "/leveret/logs",
        Access::Administrator,
        Id::Log,
        "The last lines of the log, as many as `lines` says.",
    ),
    served(
        Method::Get,
        "/leveret/configuration",
        Access::Administrator,
        Id::Configuration,
        "The options that are set, and their values unless those are secret.",
    ),
    served(
        Method::Put,
        "/leveret/memory-high-watermark",
        Access::Administrator,
        Id::SetMemoryLimit,
        "How much memory may be used before publishers are held back, until the node stops: `{\"absolute\": bytes}` or `{\"relative\": part}`.",
    ),
    served(
        Method::Put,
        "/leveret/disk-free-limit",
        Access::Administrator,
        Id::SetDiskFreeLimit,
        "How much of the disk has to be free before publishers are held back, until the node stops: `{\"absolute\": bytes}` or `{\"relative\": part of the memory}`.",
    ),
    served(
        Method::Post,
        "/leveret/authenticate",
        Access::Administrator,
        Id::Authenticate,
        "Whether a user's name and password are right, 200 or 401: `{\"username\": …, \"password\": …}`.",
    ),
    served(
        Method::Get,
        "/leveret/certificates",
        Access::Monitoring,
        Id::Certificates,
        "The certificates that are in use, those of authorities included, and when they end.",
    ),
];
