//! What the values of parameters have to say, as far as RabbitMQ could not take them otherwise: nothing runs by them here, but
//! they have to find their way back.

use serde_json::{Map, Value as Json};

/// Checks the value of a parameter, of a component that has rules.
///
/// # Errors
/// What is wrong, with the name of the key. No value is repeated: addresses have passwords in them.
pub fn check_parameter(component: &str, name: &str, value: &Json) -> Result<(), String> {
    match component {
        "shovel" => shovel(name, object(name, value)?),
        "federation-upstream" => uris(name, object(name, value)?, "uri"),
        "federation-upstream-set" => {
            let Json::Array(upstreams) = value else {
                return Err(format!("{name} should be a list of upstreams"));
            };
            upstreams
                .iter()
                .try_for_each(|upstream| text(name, object(name, upstream)?, "upstream"))
        }
        _ => Ok(()),
    }
}

fn shovel(name: &str, value: &Map<String, Json>) -> Result<(), String> {
    uris(name, value, "src-uri")?;
    uris(name, value, "dest-uri")?;
    let speaks = |key: &str, protocol: &str| {
        value.get(key).and_then(Json::as_str).is_none_or(|said| said == protocol)
    };
    let has = |key: &str| value.contains_key(key);
    if speaks("src-protocol", "amqp091") {
        match (has("src-exchange"), has("src-queue")) {
            (false, false) => return Err("Must specify 'src-exchange' or 'src-queue'".to_owned()),
            (true, true) => return Err("Cannot specify 'src-exchange' and 'src-queue'".to_owned()),
            _ => {}
        }
    }
    if speaks("dest-protocol", "amqp091") && has("dest-exchange") && has("dest-queue") {
        return Err("Cannot specify 'dest-exchange' and 'dest-queue'".to_owned());
    }
    Ok(())
}

fn object<'a>(name: &str, value: &'a Json) -> Result<&'a Map<String, Json>, String> {
    value.as_object().ok_or_else(|| format!("{name} should be an object"))
}

fn found<'a>(name: &str, value: &'a Map<String, Json>, key: &str) -> Result<&'a Json, String> {
    value.get(key).ok_or_else(|| format!("Key \"{key}\" not found in {name}"))
}

fn text(name: &str, value: &Map<String, Json>, key: &str) -> Result<(), String> {
    match found(name, value, key)? {
        Json::String(_) => Ok(()),
        _ => Err(format!("{key} should be a text")),
    }
}

/// An address, or several.
fn uris(name: &str, value: &Map<String, Json>, key: &str) -> Result<(), String> {
    match found(name, value, key)? {
        Json::String(_) => Ok(()),
        Json::Array(all) if all.iter().all(Json::is_string) => Ok(()),
        _ => Err(format!("{key} should be a text or a list of texts")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_rabbitmq_could_not_take_is_refused_without_its_values() {
        let uri = "amqp://me:sesame@host";
        for (component, value, word) in [
            ("shovel", json!(5), "should be an object"),
            ("shovel", json!({ "nope": 1 }), "\"src-uri\" not found in s"),
            ("shovel", json!({ "src-uri": uri, "src-queue": "a" }), "\"dest-uri\""),
            ("shovel", json!({ "src-uri": uri, "dest-uri": [uri] }), "Must specify"),
            ("shovel", json!({ "src-uri": uri, "dest-uri": [uri, 5] }), "list of texts"),
            (
                "shovel",
                json!({ "src-uri": uri, "dest-uri": uri, "src-queue": "a", "src-exchange": "b" }),
                "Cannot specify",
            ),
            ("federation-upstream", json!([uri]), "should be an object"),
            ("federation-upstream", json!({ "expires": 5 }), "\"uri\" not found"),
            ("federation-upstream-set", json!({ "upstream": "a" }), "a list"),
            ("federation-upstream-set", json!([{ "queue": "a" }]), "\"upstream\" not found"),
        ] {
            let fault = check_parameter(component, "s", &value).unwrap_err();
            assert!(fault.contains(word) && !fault.contains("sesame"), "{value}: {fault}");
        }
    }

    #[test]
    fn what_rabbitmq_takes_is_taken() {
        for (component, value) in [
            ("shovel", json!({ "src-uri": "amqp://", "src-queue": "a", "dest-uri": ["amqp://"] })),
            (
                "shovel",
                json!({ "src-protocol": "amqp10", "src-uri": "amqp://", "src-address": "a", "dest-uri": "amqp://" }),
            ),
            ("federation-upstream", json!({ "uri": ["amqp://a", "amqp://b"], "expires": 5 })),
            ("federation-upstream-set", json!([{ "upstream": "a" }])),
            ("user-limits", json!(5)),
        ] {
            assert_eq!(check_parameter(component, "s", &value), Ok(()));
        }
    }
}
