//! `/queues/:vhost/:queue/trace`: what happens to the messages of a queue, live.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker::{Obstacle, PAYLOAD_BYTES_MAX, Step, Traced};
use message::{ClientId, Reason, Settlement};
use metadata::Access;
use node::observation::ConsumerState;
use node::{MessageView, reason_word};
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::messages::{Shape, shown_message};
use crate::reply::Reply;
use crate::stream::{self, End, Writer};
use crate::{access, queues, time};

/// Steps that are collected at once: each may have a piece of a body.
const STEPS_MAX: usize = 64;
/// Clients whose names are remembered at a time.
const CLIENTS_MAX: usize = 1_024;

/// What the shard has been asked for.
struct Watch {
    call: Call,
    /// Where the queue lives.
    home: usize,
    /// The trace.
    number: u64,
    /// Bytes of each body that are shown.
    payload_bytes: usize,
    clients: HashMap<ClientId, Client>,
}

/// What is known of a client.
struct Client {
    name: Option<String>,
    consumers: Vec<ConsumerState>,
}

/// Begins to watch. What happens from the moment on that this answers is told.
pub(crate) async fn watch(call: &Call) -> Result<Reply, Failure> {
    let queue = queues::named(call)?;
    call.may(Access::Read, &queue.name)?;
    let payload_bytes = call.number("payload_bytes")?.unwrap_or(0);
    if payload_bytes > PAYLOAD_BYTES_MAX {
        let most = format!("payload_bytes is {PAYLOAD_BYTES_MAX} at most");
        return Err(Failure::bad(most));
    }
    let (writer, reply) = stream::begin(call)?;
    let id = queue.id;
    let home = usize::from(id.home()) % call.desk.shard_count();
    let begun = call.desk.ask(home, move |shard| shard.begin_trace(id, payload_bytes)).await?;
    let number = begun.ok_or_else(|| {
        Failure::Unavailable("the queue is gone, or too many queues are watched".to_owned())
    })?;
    let call = call.clone();
    let watch = Watch { call, home, number, payload_bytes, clients: HashMap::new() };
    tokio::spawn(watch.run(writer));
    Ok(reply)
}

impl Watch {
    async fn run(mut self, mut writer: Writer) {
        let end = loop {
            if let Err(end) = self.go_on(&mut writer).await {
                break end;
            }
        };
        let number = self.number;
        // Before the last words, which the client may let wait. The node may stop; if not, the trace ends by itself.
        let _ = self.call.desk.ask(self.home, move |shard| shard.end_trace(number)).await;
        writer.finish(end).await;
    }

    /// Tells what is new.
    async fn go_on(&mut self, writer: &mut Writer) -> Result<(), End> {
        self.look_at_permissions()?;
        let number = self.number;
        let collect =
            self.call.desk.ask(self.home, move |shard| shard.collect_trace(number, STEPS_MAX));
        let page = collect.await.map_err(|_| End::Because("the node stops"))?;
        let page = page.ok_or(End::Because("nobody has read this stream for a minute"))?;
        for traced in &page.steps {
            if let Some(client) = traced.client {
                self.look_at_client(client, traced.consumer).await?;
            }
            writer.add(name(&traced.step), None, &self.shown(traced))?;
        }
        writer.add_lost(page.lost_count);
        if page.is_over {
            return Err(End::Because("the queue is gone"));
        }
        writer.send().await
    }

    /// Whoever may not look any more is not shown more.
    fn look_at_permissions(&mut self) -> Result<(), End> {
        let topology = self.call.desk.topology();
        if topology.version() == self.call.topology.version() {
            return Ok(());
        }
        self.call.topology = topology;
        let refused = End::Because("the user may not read the queue any more");
        self.call.renew_tags().ok_or(refused)?;
        let (call, parameters) = (&self.call, &self.call.parameters);
        access::check(management_api::Access::Vhost, &call.caller, parameters, call.definitions())
            .map_err(|_| refused)?;
        // That the queue is gone, its trace tells.
        let Ok(queue) = queues::named(call) else { return Ok(()) };
        call.may(Access::Read, &queue.name).map_err(|_| refused)
    }

    /// Finds out what a client and its consumers are called.
    async fn look_at_client(&mut self, id: ClientId, consumer: Option<u32>) -> Result<(), End> {
        let is_known = self.clients.get(&id).is_some_and(|client| {
            let mut consumers = client.consumers.iter();
            consumer.is_none_or(|number| consumers.any(|known| known.number == number))
        });
        if is_known {
            return Ok(());
        }
        if self.clients.len() >= CLIENTS_MAX {
            self.clients.clear();
        }
        let seen = self.call.desk.ask(self.call.desk.shard_of(id), move |shard| {
            (shard.observe_connection(id), shard.observe_consumers(id))
        });
        let (connection, mut consumers) = seen.await.map_err(|_| End::Because("the node stops"))?;
        let before = self.clients.remove(&id);
        // What has gone meanwhile keeps its name.
        let (name, known) = before.map_or((None, Vec::new()), |it| (it.name, it.consumers));
        let are_gone = known
            .into_iter()
            .filter(|known| consumers.iter().all(|consumer| consumer.number != known.number));
        let are_gone: Vec<_> = are_gone.take(CLIENTS_MAX).collect();
        consumers.extend(are_gone);
        let name = connection.map(|connection| connection.name).or(name);
        self.clients.insert(id, Client { name, consumers });
        Ok(())
    }

    fn shown(&self, traced: &Traced) -> Value {
        let mut value = json!({
            "what": name(&traced.step),
            "time": time::rfc3339(traced.at_ms),
        });
        if let Some((lane, place)) = traced.place {
            (value["lane"], value["place"]) = (json!(lane), json!(place));
        }
        if let Some(message) = &traced.message {
            let view = MessageView::of_message(message, false, 0);
            let shape = Shape { is_base64: false, truncate: None };
            let Value::Object(mut shown) = shown_message(&view, &shape) else {
                unreachable!("a message is shown as an object")
            };
            shown.remove("redelivered");
            shown.remove("payload");
            shown.remove("payload_encoding");
            if let Value::Object(fields) = &mut value {
                fields.extend(shown);
            }
            value["payload_bytes"] = json!(traced.body_len);
            if self.payload_bytes > 0 {
                put_payload(&mut value, message.body());
            }
        }
        self.put_client(&mut value, traced);
        put_step(&mut value, &traced.step);
        value
    }

    fn put_client(&self, value: &mut Value, traced: &Traced) {
        let Some(client) = traced.client.and_then(|id| self.clients.get(&id)) else { return };
        value["connection"] = json!(client.name);
        let mut consumers = client.consumers.iter();
        let consumer = traced.consumer.and_then(|number| consumers.find(|it| it.number == number));
        if let Some(consumer) = consumer {
            (value["channel"], value["consumer_tag"]) =
                (json!(consumer.channel), json!(consumer.tag));
        }
    }
}

fn put_payload(value: &mut Value, body: &[u8]) {
    let (payload, encoding) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), "string"),
        Err(_) => (STANDARD.encode(body), "base64"),
    };
    (value["payload"], value["payload_encoding"]) = (json!(payload), json!(encoding));
}

/// What each step is called.
const fn name(step: &Step) -> &'static str {
    match step {
        Step::Published => "published",
        Step::Refused(_) => "refused",
        Step::Delivered { .. } => "delivered",
        Step::Acknowledged => "acknowledged",
        Step::Returned(_) => "requeued",
        Step::Rejected => "rejected",
        Step::DeadLettered { .. } => "dead-lettered",
        Step::Dropped(Reason::Expired) => "expired",
        Step::Dropped(_) => "dropped",
        Step::CalledOff => "called-off",
        Step::Purged { .. } => "purged",
        Step::Deleted => "deleted",
    }
}

/// What else there is to say of a step.
fn put_step(value: &mut Value, step: &Step) {
    match step {
        Step::Refused(obstacle) => {
            value["reason"] = json!(match obstacle {
                Obstacle::Full => "maxlen",
                Obstacle::Duplicate => "duplicate",
                Obstacle::NoRoom => "disk full",
            });
        }
        Step::Delivered { settles, is_redelivered, delivery_count } => {
            value["ack_required"] = json!(settles);
            value["redelivered"] = json!(is_redelivered);
            value["delivery_count"] = json!(delivery_count);
        }
        Step::Returned(settlement) => {
            value["reason"] = json!(match settlement {
                // A connection or channel that is gone, or `basic.reject`.
                Settlement::Failed => "failed",
                Settlement::Undelivered => "undelivered",
                Settlement::Requeue | Settlement::Accept | Settlement::Discard => "requeued",
            });
        }
        Step::DeadLettered { reason, exchange, routing_key } => {
            value["reason"] = json!(reason_word(*reason));
            value["dead_letter_exchange"] = json!(exchange.as_str());
            value["dead_letter_routing_key"] = json!(String::from_utf8_lossy(routing_key));
        }
        Step::Dropped(reason) => value["reason"] = json!(reason_word(*reason)),
        Step::Purged { count } => value["count"] = json!(count),
        Step::Published | Step::Acknowledged | Step::Rejected | Step::CalledOff | Step::Deleted => {
        }
    }
}
