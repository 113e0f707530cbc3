//! The routes as an OpenAPI 3.1 document.

use serde_json::{Map, Value, json};

use crate::PREFIX;
use crate::route::{Access, Method, Route, Served};
use crate::routes::{AREAS, Area};

/// The document, as text that ends with a line end. `docs/openapi.json` is this text.
///
/// # Panics
/// Never: values of this kind always have a text.
pub fn openapi() -> String {
    let mut paths = Map::new();
    for area in AREAS {
        for route in area.routes {
            let path = format!("{PREFIX}{}", template(route));
            let entry = paths.entry(path).or_insert_with(|| json!({}));
            let operation = operation(area, route);
            if let Value::Object(methods) = entry {
                methods.insert(route.method.as_str().to_lowercase(), operation);
            }
        }
    }
    let tags: Vec<_> = AREAS.iter().map(|area| json!({ "name": area.name })).collect();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Leveret HTTP API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The HTTP API of RabbitMQ 4.3, as Leveret serves it. Names in paths are percent-encoded: \
                            the virtual host / is %2F.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": { "basic": { "type": "http", "scheme": "basic" } },
            "responses": {
                "Shown": { "description": "What was asked for.", "content": { "application/json": {} } },
                "Made": { "description": "It is made." },
                "Done": { "description": "It is done." },
                "NotAuthorised": failure("Who asks may not."),
                "NotFound": failure("There is no such thing."),
                "NotServed": failure("RabbitMQ has this; here it comes later, or has no meaning."),
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": { "error": { "type": "string" }, "reason": { "type": "string" } },
                    "required": ["error", "reason"],
                },
            },
        },
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a value has a text");
    text.push('\n');
    text
}

/// `/queues/:vhost` as `/queues/{vhost}`.
fn template(route: &Route) -> String {
    route.parts().fold(String::new(), |path, part| match part.strip_prefix(':') {
        Some(name) => format!("{path}/{{{name}}}"),
        None => format!("{path}/{part}"),
    })
}

fn operation(area: &Area, route: &Route) -> Value {
    let (summary, mut responses) = match route.served {
        Served::By(_) => (route.doc.to_owned(), successes(route.method)),
        Served::NotYet(reason) => {
            (format!("Not served: {reason}."), json!({ "501": response("NotServed") }))
        }
    };
    if let Value::Object(responses) = &mut responses {
        if route.access != Access::Open {
            responses.insert("401".to_owned(), response("NotAuthorised"));
        }
        if route.path.contains(':') {
            responses.insert("404".to_owned(), response("NotFound"));
        }
    }
    let parameters: Vec<_> = route.parts().filter_map(|part| part.strip_prefix(':')).collect();
    let parameters: Vec<_> = parameters
        .into_iter()
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let security = if route.access == Access::Open { json!([]) } else { json!([{ "basic": [] }]) };
    let mut operation = json!({
        "tags": [area.name],
        "summary": summary,
        "description": format!("For {}.", route.access.text()),
        "parameters": parameters,
        "security": security,
        "responses": responses,
    });
    if let (Value::Object(fields), Some(id)) = (&mut operation, route.id()) {
        fields.insert("operationId".to_owned(), Value::from(format!("{id:?}")));
    }
    operation
}

fn successes(method: Method) -> Value {
    let (shown, made, done) = (response("Shown"), response("Made"), response("Done"));
    match method {
        Method::Get => json!({ "200": shown }),
        Method::Put => json!({ "201": made, "204": done }),
        Method::Post => json!({ "200": shown, "201": made, "204": done }),
        Method::Delete => json!({ "204": done }),
    }
}

fn response(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

fn failure(text: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Error" });
    json!({ "description": text, "content": { "application/json": { "schema": schema } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_the_document() {
        let document: Value = serde_json::from_str(&openapi()).unwrap();
        for route in AREAS.iter().flat_map(|area| area.routes) {
            let path = format!("{PREFIX}{}", template(route));
            let method = route.method.as_str().to_lowercase();
            assert!(document["paths"][&path][&method].is_object(), "{method} {path}");
        }
    }

    #[test]
    fn the_committed_document_is_this_one() {
        let committed = include_str!("../../../docs/openapi.json");
        assert!(committed == openapi(), "docs/openapi.json is old: run `cargo xtask openapi`");
    }
}
