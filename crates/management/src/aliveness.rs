//! `/aliveness-test`: a message goes through a queue and comes out again.

use broker::{QueueDeclaration, Verb};
use bytes::Bytes;
use message::{Arguments, Name};
use metadata::Access;
use node::{AckMode, MessageProperties, Outcome, Publication};

use crate::call::Call;
use crate::failure::Failure;
use crate::health;
use crate::refusals;
use crate::reply::Reply;

/// The queue, which stays: RabbitMQ's has this name, too.
const QUEUE: &str = "aliveness-test";

/// Declares the queue, publishes a message to it and takes it out, as the user who asks.
pub(crate) async fn test(call: &Call) -> Result<Reply, Failure> {
    let vhost = crate::vhosts::named(call)?.0.clone();
    let (name, default) = (Name::fixed(QUEUE), Name::fixed(""));
    call.may(Access::Configure, &name)?;
    call.may(Access::Read, &name)?;
    call.may(Access::Write, &default)?;
    let declaration = QueueDeclaration {
        vhost: vhost.clone(),
        name: name.clone(),
        is_passive: false,
        is_durable: false,
        is_exclusive: false,
        is_auto_delete: false,
        arguments: Arguments::new(),
    };
    call.operate(Verb::DeclareQueue(declaration)).await?;
    let publication = Publication {
        exchange: String::new(),
        routing_key: QUEUE.to_owned(),
        properties: MessageProperties::default(),
        body: Bytes::from_static(b"test_message"),
    };
    let user = call.caller.shown_name().to_owned();
    let outcome = call.desk.publish(vhost.clone(), user, publication).await?;
    let fetched = call.desk.fetch(vhost, name, 1, AckMode::AckDrop).await?;
    let fetched = fetched.map_err(|refusal| refusals::failure(&refusal))?;
    if outcome == Ok(Outcome::Routed) && !fetched.is_empty() {
        return Ok(health::well());
    }
    Err(Failure::Unavailable(format!("the message did not come out of the queue {QUEUE}")))
}
