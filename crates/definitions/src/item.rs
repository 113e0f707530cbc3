//! One object of a file, and what can be read from it. Whatever is wrong is told with the object's name.

use message::{Arguments, Name};
use serde_json::{Map, Value as Json};

use crate::import::Invalid;
use crate::json::arguments_from_json;

/// An object of one of the file's lists.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    /// What the list is of: `queue`.
    what: &'static str,
    /// Where in the list it stands, from 0.
    index: usize,
    object: &'a Map<String, Json>,
}

/// Texts that stand for "not said" where Erlang has written them.
const UNDEFINED: &str = "undefined";

impl<'a> Item<'a> {
    pub(crate) fn new(what: &'static str, index: usize, json: &'a Json) -> Result<Self, Invalid> {
        match json {
            Json::Object(object) => Ok(Self { what, index, object }),
            _ => Err(Invalid::new(format!("{what} number {index} is no JSON object"))),
        }
    }

    /// What is wrong with it.
    pub(crate) fn invalid(self, problem: impl std::fmt::Display) -> Invalid {
        let text = |key: &str| self.object.get(key).and_then(Json::as_str);
        let mut subject = match text("name").or_else(|| text("user")) {
            Some(name) => format!("{} '{name}'", self.what),
            None => match (text("source"), text("destination")) {
                (Some(source), Some(destination)) => {
                    format!("{} from '{source}' to '{destination}'", self.what)
                }
                _ => format!("{} number {}", self.what, self.index),
            },
        };
        if let Some(vhost) = text("vhost") {
            subject.push_str(&format!(" in virtual host '{vhost}'"));
        }
        Invalid::new(format!("{subject}: {problem}"))
    }

    /// A field that is said; `null` is not.
    pub(crate) fn field(self, key: &str) -> Option<&'a Json> {
        self.object.get(key).filter(|json| !json.is_null())
    }

    pub(crate) fn optional_text(self, key: &str) -> Result<Option<&'a str>, Invalid> {
        match self.field(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(format_args!("'{key}' has to be text"))),
        }
    }

    pub(crate) fn text(self, key: &str) -> Result<&'a str, Invalid> {
        self.optional_text(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn missing(self, key: &str) -> Invalid {
        self.invalid(format_args!("'{key}' is missing"))
    }

    pub(crate) fn name(self, key: &str) -> Result<Name, Invalid> {
        Name::new(self.text(key)?).map_err(|error| self.invalid(format_args!("'{key}': {error}")))
    }

    pub(crate) fn flag(self, key: &str, default: bool) -> Result<bool, Invalid> {
        match self.field(key) {
            None => Ok(default),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.invalid(format_args!("'{key}' has to be true or false"))),
        }
    }

    pub(crate) fn integer(self, key: &str, default: i64) -> Result<i64, Invalid> {
        match self.field(key) {
            None => Ok(default),
            Some(json) => json
                .as_i64()
                .ok_or_else(|| self.invalid(format_args!("'{key}' has to be a whole number"))),
        }
    }

    /// An object; older exports have an empty list for one without entries.
    pub(crate) fn object(self, key: &str) -> Result<Option<&'a Map<String, Json>>, Invalid> {
        match self.field(key) {
            None => Ok(None),
            Some(Json::Object(object)) => Ok(Some(object)),
            Some(Json::Array(list)) if list.is_empty() => Ok(None),
            Some(_) => Err(self.invalid(format_args!("'{key}' has to be a JSON object"))),
        }
    }

    pub(crate) fn arguments(self) -> Result<Arguments, Invalid> {
        let Some(object) = self.object("arguments")? else { return Ok(Arguments::new()) };
        arguments_from_json(object).map_err(|(argument, unsuited)| {
            self.invalid(format_args!("argument '{argument}': {unsuited}"))
        })
    }

    /// Tags: a list, or as one text with commas.
    pub(crate) fn tags(self, json: &Json) -> Result<Vec<String>, Invalid> {
        let wrong = || self.invalid("'tags' has to be a list of texts, or one text with commas");
        match json {
            Json::String(text) => {
                let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
                Ok(tags.map(str::to_owned).collect())
            }
            Json::Array(list) => {
                list.iter().map(|tag| tag.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            _ => Err(wrong()),
        }
    }

    /// Limits by the names in `known`, in their order; an absent one is no limit, and neither is one below 0.
    pub(crate) fn limits<const N: usize>(
        self,
        object: &Map<String, Json>,
        known: [&str; N],
    ) -> Result<[Option<u64>; N], Invalid> {
        if let Some(strange) = object.keys().find(|key| !known.contains(&key.as_str())) {
            let known = known.join(", ");
            return Err(
                self.invalid(format_args!("there is no limit '{strange}'; there are: {known}"))
            );
        }
        let mut limits = [None; N];
        for (limit, key) in limits.iter_mut().zip(known) {
            *limit = match object.get(key) {
                None | Some(Json::Null) => None,
                Some(json) => {
                    let number = json.as_i64().ok_or_else(|| {
                        self.invalid(format_args!("limit '{key}' has to be a whole number"))
                    })?;
                    u64::try_from(number).ok()
                }
            };
        }
        Ok(limits)
    }

    /// A type of queue, if one is said that this broker has.
    pub(crate) fn queue_kind(self, json: &Json) -> Result<Option<metadata::QueueKind>, Invalid> {
        match json.as_str() {
            Some(UNDEFINED | "") => Ok(None),
            Some("stream" | "rabbit_stream_queue") => Err(self.invalid(
                "queues of type 'stream' are not built yet; take them out of the file to import the rest",
            )),
            word => word.and_then(metadata::QueueKind::parse).map(Some).ok_or_else(|| {
                self.invalid(format_args!("there is no type of queue {json}; there are: classic, quorum"))
            }),
        }
    }
}
