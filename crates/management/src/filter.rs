//! Which messages are meant: what a look shows of a queue, and what is moved back.

use node::MessageView;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::fields::{self, Fields};
use crate::json;
use crate::query::Query;

/// Every condition that is given has to hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    exchange: Option<String>,
    routing_key: Option<String>,
    message_id: Option<String>,
    /// Why it died first, as `x-first-death-reason` says.
    reason: Option<String>,
    /// Headers that it has to have.
    headers: Map<String, Value>,
    /// What its body has to have in it.
    contains: Option<String>,
}

impl Filter {
    /// The conditions of a body.
    ///
    /// # Errors
    /// One that is not known, or of the wrong kind.
    pub(crate) fn parse(given: &Fields) -> Result<Self, Failure> {
        let known = ["exchange", "routing_key", "message_id", "reason", "headers", "contains"];
        fields::only("a filter", &known, given.keys().map(String::as_str))?;
        let text = |name| fields::text(given, name).map(|text| text.map(str::to_owned));
        let headers = match given.get("headers") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(headers)) => headers.clone(),
            Some(_) => return Err(Failure::bad("headers have to be an object")),
        };
        Ok(Self {
            exchange: text("exchange")?,
            routing_key: text("routing_key")?,
            message_id: text("message_id")?,
            reason: text("reason")?,
            headers,
            contains: text("contains")?,
        })
    }

    /// The conditions of a query; a header's is called `header.NAME`, and its value is a text.
    pub(crate) fn of_query(query: &Query) -> Self {
        let text = |name| query.find(name).map(str::to_owned);
        let headers = query.fields().filter_map(|(name, value)| {
            Some((name.strip_prefix("header.")?.to_owned(), Value::from(value)))
        });
        Self {
            exchange: text("exchange"),
            routing_key: text("routing_key"),
            message_id: text("message_id"),
            reason: text("reason"),
            headers: headers.collect(),
            contains: text("contains"),
        }
    }

    /// Whether a message is meant.
    pub(crate) fn fits(&self, message: &MessageView) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let header = |name: &str| {
            message
                .properties
                .headers
                .as_ref()
                .and_then(|headers| headers.get(name))
                .map(json::json)
        };
        let reason = header("x-first-death-reason");
        is(&self.exchange, Some(&message.exchange))
            && is(&self.routing_key, Some(&message.routing_key))
            && is(&self.message_id, message.properties.message_id.as_deref())
            && is(&self.reason, reason.as_ref().and_then(Value::as_str))
            && self.headers.iter().all(|(name, wanted)| {
                header(name).is_some_and(|found| found == *wanted || as_text(&found) == *wanted)
            })
            && self
                .contains
                .as_deref()
                .is_none_or(|wanted| contains(&message.body, wanted.as_bytes()))
    }
}

/// A number or truth value as the text that a query has for it.
fn as_text(value: &Value) -> Value {
    if value.is_string() { value.clone() } else { Value::from(value.to_string()) }
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || body.windows(wanted.len()).any(|piece| piece == wanted)
}

#[cfg(test)]
mod tests {
    use message::Value as Argument;
    use serde_json::json;

    use super::*;

    fn message() -> MessageView {
        let mut message = MessageView {
            exchange: "dlx".to_owned(),
            routing_key: "orders".to_owned(),
            body: bytes::Bytes::from_static(b"an order of 5"),
            ..MessageView::default()
        };
        message.properties.headers = Some(
            [
                ("x-first-death-reason".to_owned(), Argument::Text(b"expired".to_vec())),
                ("attempt".to_owned(), Argument::I32(3)),
            ]
            .into(),
        );
        message
    }

    fn fits(given: &Value) -> bool {
        Filter::parse(given.as_object().unwrap()).unwrap().fits(&message())
    }

    #[test]
    fn all_conditions_have_to_hold() {
        assert!(fits(&json!({})));
        assert!(fits(
            &json!({ "reason": "expired", "headers": { "attempt": 3 }, "contains": "order" })
        ));
        assert!(!fits(&json!({ "reason": "expired", "contains": "invoice" })));
        assert!(!fits(&json!({ "headers": { "attempt": 4 } })));
        assert!(!fits(&json!({ "headers": { "missing": "x" } })));
        assert!(!fits(&json!({ "message_id": "1" })));
    }

    #[test]
    fn a_query_has_texts_for_numbers() {
        assert!(
            Filter::of_query(&Query::parse("header.attempt=3&routing_key=orders")).fits(&message())
        );
        assert!(!Filter::of_query(&Query::parse("header.attempt=4")).fits(&message()));
    }

    #[test]
    fn a_condition_that_nobody_knows_is_refused_by_name() {
        let refused = Filter::parse(json!({ "rooting_key": "a" }).as_object().unwrap());
        assert!(matches!(refused, Err(Failure::BadRequest(text)) if text.contains("rooting_key")));
    }
}
