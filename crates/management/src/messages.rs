//! Messages by hand: `/exchanges/…/publish` and `/queues/…/get`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use metadata::Access;
use node::{AckMode, Fetched, MessageProperties, MessageView, Outcome, Publication, Unpublished};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::exchanges::name_of;
use crate::failure::Failure;
use crate::fields::{self, Fields};
use crate::json;
use crate::refusals;
use crate::reply::Reply;
use crate::showing::Show;

/// Messages that one request may take.
const COUNT_MAX: u64 = 100_000;

/// Publishes one message. It is safe in its queues when this ends.
pub(crate) async fn publish(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let properties = match fields::required(&given, "properties")? {
        Value::Object(properties) => read_properties(properties)?,
        Value::Array(list) if list.is_empty() => MessageProperties::default(),
        _ => return Err(Failure::bad("properties have to be an object")),
    };
    let routing_key = fields::required_text(&given, "routing_key")?.to_owned();
    let payload = fields::required_text(&given, "payload")?;
    let body = match fields::required_text(&given, "payload_encoding")? {
        "string" => Bytes::from(payload.to_owned()),
        "base64" => {
            let decoded = STANDARD.decode(payload);
            Bytes::from(decoded.map_err(|_| Failure::bad("not_base64: the payload"))?)
        }
        other => return Err(Failure::bad(format!("unsupported_encoding: {other}"))),
    };
    let exchange = fields::name(name_of(call.parameter("exchange")))?;
    let vhost = crate::vhosts::named(call)?.0.clone();
    if call.topology.exchange(vhost.as_str(), exchange.as_str()).is_none() {
        return Err(Failure::missing("exchange_not_found"));
    }
    call.may_in_words(Access::Write, "exchange", &exchange).map_err(Failure::BadRequest)?;
    let exchange = exchange.as_str().to_owned();
    let publication = Publication { exchange, routing_key, properties, body };
    let user = call.caller.shown_name().to_owned();
    let outcome = call.desk.publish(vhost, user, publication).await?;
    match outcome {
        Ok(outcome) => Ok(Reply::ok(&json!({ "routed": outcome == Outcome::Routed }))),
        Err(Unpublished::Refused(refusal)) => Err(refusals::failure(&refusal)),
        Err(Unpublished::Unfit(text)) => {
            Err(Failure::bad(format!("406 PRECONDITION_FAILED - {text}")))
        }
    }
}

/// Why there are fewer messages than were asked for, though the queue has them.
const CUT: &str =
    "8 MiB of messages are fetched at a time: ask again for more, or for fewer with count";

/// Takes messages out of a queue, or looks at them.
pub(crate) async fn fetch(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let count = count(fields::required(&given, "count")?)?;
    let mode = fields::required_text(&given, "ackmode")?;
    let mode = AckMode::parse(mode).ok_or_else(|| {
        Failure::bad(format!(
            "Invalid ackmode value: {mode}. Valid values are: ack_requeue_true, ack_requeue_false, \
             reject_requeue_true, reject_requeue_false"
        ))
    })?;
    let is_base64 = match fields::required_text(&given, "encoding")? {
        "auto" => false,
        "base64" => true,
        _ => return Err(Failure::bad("Unsupported encoding. Please use auto or base64.")),
    };
    let truncate = match given.get("truncate") {
        None | Some(Value::Null) => None,
        Some(value) => Some(self::count(value)?),
    };
    let shape = Shape { is_base64, truncate };
    let (vhost, name) = (call.parameter("vhost"), call.parameter("queue"));
    let queue = call.topology.queue(vhost, name);
    let queue = queue.ok_or_else(|| Failure::missing("queue_not_found"))?;
    call.may_in_words(Access::Read, "queue", &queue.name)
        .map_err(|text| Failure::NotAuthorised(text.trim_start_matches("403 ").to_owned()))?;
    let (vhost, name) = (queue.vhost.clone(), queue.name.clone());
    let mut show = Show::begin(&call.desk).await?;
    let fetched = call.desk.fetch(vhost, name, count, mode).await?;
    let fetched = fetched.map_err(|refusal| refusals::failure(&refusal))?;
    let is_cut = fetched.len() < count && fetched.last().is_some_and(|last| last.ready_count > 0);
    for fetched in &fetched {
        show.add(&shown(fetched, &shape));
    }
    Ok(show.finish("", "", is_cut.then_some(CUT)))
}

/// A number, which RabbitMQ takes as a text, too.
fn count(value: &Value) -> Result<usize, Failure> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let number = number.ok_or_else(|| Failure::bad(format!("{value} is no number")))?;
    Ok(usize::try_from(number.min(COUNT_MAX)).unwrap_or(usize::MAX))
}

fn read_properties(given: &Fields) -> Result<MessageProperties, Failure> {
    let text = |name| fields::text(given, name).map(|text| text.map(str::to_owned));
    let number = |name: &str, max: u64| match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|number| *number <= max) {
            Some(number) => Ok(Some(number)),
            None => Err(Failure::bad(format!("not_int: {name}"))),
        },
    };
    let byte = |name| Ok::<_, Failure>(number(name, 255)?.and_then(|n| u8::try_from(n).ok()));
    let headers = match given.get("headers") {
        None | Some(Value::Null) => None,
        Some(_) => Some(json::table(given, "headers")?),
    };
    Ok(MessageProperties {
        content_type: text("content_type")?,
        content_encoding: text("content_encoding")?,
        headers,
        delivery_mode: byte("delivery_mode")?,
        priority: byte("priority")?,
        correlation_id: text("correlation_id")?,
        reply_to: text("reply_to")?,
        expiration: text("expiration")?,
        message_id: text("message_id")?,
        timestamp_s: number("timestamp", u64::MAX)?,
        kind: text("type")?,
        user_id: text("user_id")?,
        app_id: text("app_id")?,
        cluster_id: text("cluster_id")?,
    })
}

fn shown(fetched: &Fetched, shape: &Shape) -> Value {
    let mut value = shown_message(&fetched.message, shape);
    value["message_count"] = json!(fetched.ready_count);
    value
}

/// How bodies are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// In base64, even if they are text.
    pub(crate) is_base64: bool,
    /// So many bytes at most.
    pub(crate) truncate: Option<usize>,
}

/// A message as the API shows it.
pub(crate) fn shown_message(message: &MessageView, shape: &Shape) -> Value {
    let body = &message.body[..message.body.len().min(shape.truncate.unwrap_or(usize::MAX))];
    let text = std::str::from_utf8(body).ok().filter(|_| !shape.is_base64);
    let (payload, encoding) = match text {
        Some(text) => (text.to_owned(), "string"),
        None => (STANDARD.encode(body), "base64"),
    };
    json!({
        "payload_bytes": message.body.len(),
        "redelivered": message.is_redelivered,
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "properties": shown_properties(&message.properties),
        "payload": payload,
        "payload_encoding": encoding,
    })
}

fn shown_properties(properties: &MessageProperties) -> Value {
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let fields = [
        ("content_type", text(&properties.content_type)),
        ("content_encoding", text(&properties.content_encoding)),
        ("headers", properties.headers.as_ref().map(json::object)),
        ("delivery_mode", properties.delivery_mode.map(Value::from)),
        ("priority", properties.priority.map(Value::from)),
        ("correlation_id", text(&properties.correlation_id)),
        ("reply_to", text(&properties.reply_to)),
        ("expiration", text(&properties.expiration)),
        ("message_id", text(&properties.message_id)),
        ("timestamp", properties.timestamp_s.map(Value::from)),
        ("type", text(&properties.kind)),
        ("user_id", text(&properties.user_id)),
        ("app_id", text(&properties.app_id)),
        ("cluster_id", text(&properties.cluster_id)),
    ];
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}
