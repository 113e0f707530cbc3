//! Arguments in the bodies of requests. What they are in JSON, and back, is the same as in definitions.

use ::definitions::arguments_from_json;
pub(crate) use ::definitions::{arguments_to_json as object, value_to_json as json};
use message::Arguments;
use serde_json::{Map, Value as Json};

use crate::failure::Failure;

/// A field that holds arguments. An empty list stands for none, because RabbitMQ's own tools send one.
///
/// # Errors
/// That it is no object, or which argument cannot have its value.
pub(crate) fn table(given: &Map<String, Json>, name: &str) -> Result<Arguments, Failure> {
    match given.get(name) {
        None | Some(Json::Null) => Ok(Arguments::new()),
        Some(Json::Array(list)) if list.is_empty() => Ok(Arguments::new()),
        Some(Json::Object(fields)) => arguments_from_json(fields)
            .map_err(|(field, unsuited)| Failure::bad(format!("{name}: {field}: {unsuited}"))),
        Some(_) => Err(Failure::bad(format!("{name} have to be an object"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(given: &Json) -> Result<Arguments, Failure> {
        table(json!({ "arguments": given }).as_object().unwrap(), "arguments")
    }

    #[test]
    fn arguments_return_from_json() {
        let given = json!({
            "x-max-length": 5, "big": 1_u64 << 40, "half": 0.5, "text": "ä", "on": true,
            "list": [1, "a", { "b": 2 }],
        });
        assert_eq!(object(&arguments(&given).unwrap()), given);
        assert!(arguments(&json!([])).unwrap().is_empty());
        assert!(arguments(&json!([1])).is_err());
    }

    #[test]
    fn what_no_argument_can_be_is_refused_by_name() {
        let refused = arguments(&json!({ "a": 1, "none": null }));
        let text = "arguments: none: null_not_allowed".to_owned();
        assert_eq!(refused, Err(Failure::BadRequest(text)));
    }

    #[test]
    fn a_depth_that_no_client_has_is_refused() {
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(arguments(&deep).is_err());
    }
}
