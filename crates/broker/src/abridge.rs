//! What is told of something is short, however long the thing itself is: events are kept when it is gone, and nobody counts them.

use std::sync::Arc;

use message::Arguments;
use metadata::{Queue, entry_bytes};

use crate::occurrence::{Occurred, Occurrence, Parameter};

/// The most of the arguments of something that is told, in bytes of memory: what does not fit is left out.
const ARGUMENTS_BYTES_MAX: usize = 4 * 1024;
/// The most of a text that is told, in bytes: the rest is cut off.
const TEXT_BYTES_MAX: usize = 2 * 1024;
/// Tags that are told, at most.
const TAGS_MAX: usize = 32;

impl Occurred {
    /// About how many bytes of memory it takes.
    pub fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.what.held_bytes()
    }
}

impl Occurrence {
    /// The same with less of what is long.
    pub(crate) fn abridged(self) -> Self {
        match self {
            Self::QueueCreated(queue) => Self::QueueCreated(abridged_queue(queue)),
            Self::QueueDeleted(queue) => Self::QueueDeleted(abridged_queue(queue)),
            Self::ExchangeCreated(mut exchange) => {
                shorten(&exchange.arguments).into_iter().for_each(|less| {
                    Arc::make_mut(&mut exchange).arguments = less;
                });
                Self::ExchangeCreated(exchange)
            }
            Self::BindingCreated(binding) => Self::BindingCreated(abridged_binding(binding)),
            Self::BindingDeleted(binding) => Self::BindingDeleted(abridged_binding(binding)),
            Self::VhostCreated(mut vhost) => {
                abridge_texts(&mut vhost.settings.tags);
                cut(&mut vhost.settings.description);
                Self::VhostCreated(vhost)
            }
            Self::VhostUpdated(mut vhost) => {
                abridge_texts(&mut vhost.settings.tags);
                cut(&mut vhost.settings.description);
                Self::VhostUpdated(vhost)
            }
            Self::TagsSet(name, mut tags) => {
                abridge_texts(&mut tags);
                Self::TagsSet(name, tags)
            }
            Self::PermissionCreated { vhost, user, mut permissions } => {
                [&mut permissions.configure, &mut permissions.write, &mut permissions.read]
                    .into_iter()
                    .for_each(cut);
                Self::PermissionCreated { vhost, user, permissions }
            }
            Self::TopicPermissionCreated { vhost, user, exchange, mut permissions } => {
                [&mut permissions.write, &mut permissions.read].into_iter().for_each(cut);
                Self::TopicPermissionCreated { vhost, user, exchange, permissions }
            }
            Self::PolicySet(mut policy) => {
                cut(&mut policy.pattern);
                policy.definition.retain(|name, value| entry_bytes(name, value) <= TEXT_BYTES_MAX);
                Self::PolicySet(policy)
            }
            Self::ParameterSet(parameter) => Self::ParameterSet(abridged_parameter(parameter)),
            Self::ParameterCleared(parameter) => {
                Self::ParameterCleared(abridged_parameter(parameter))
            }
            same => same,
        }
    }

    /// About how many bytes of memory it takes beside itself.
    fn held_bytes(&self) -> usize {
        let names = 2 * size_of::<[u8; 64]>();
        names
            + match self {
                Self::QueueCreated(queue) | Self::QueueDeleted(queue) => {
                    size_of::<Queue>() + message::held_bytes(&queue.arguments)
                }
                Self::ExchangeCreated(exchange) => message::held_bytes(&exchange.arguments),
                Self::BindingCreated(binding) | Self::BindingDeleted(binding) => {
                    binding.key.len() + message::held_bytes(&binding.arguments)
                }
                Self::VhostCreated(vhost) | Self::VhostUpdated(vhost) => {
                    vhost.settings.description.len() + texts_bytes(&vhost.settings.tags)
                }
                Self::TagsSet(_, tags) => texts_bytes(tags),
                Self::PermissionCreated { permissions, .. } => {
                    permissions.configure.len() + permissions.write.len() + permissions.read.len()
                }
                Self::TopicPermissionCreated { permissions, .. } => {
                    permissions.write.len() + permissions.read.len()
                }
                Self::PolicySet(policy) => {
                    let definition = policy.definition.iter();
                    let bytes = definition.map(|(name, value)| entry_bytes(name, value));
                    policy.pattern.len() + bytes.sum::<usize>()
                }
                Self::ParameterSet(parameter) | Self::ParameterCleared(parameter) => {
                    parameter.component.len() + parameter.name.len()
                }
                _ => 0,
            }
    }
}

fn shorten(arguments: &Arguments) -> Option<Arguments> {
    message::shorter(arguments, ARGUMENTS_BYTES_MAX)
}

fn abridged_queue(mut queue: Arc<Queue>) -> Arc<Queue> {
    if let Some(less) = shorten(&queue.arguments) {
        Arc::make_mut(&mut queue).arguments = less.into();
    }
    queue
}

fn abridged_binding(mut binding: Arc<metadata::Binding>) -> Arc<metadata::Binding> {
    if let Some(less) = shorten(&binding.arguments) {
        Arc::make_mut(&mut binding).arguments = less;
    }
    if binding.key.len() > TEXT_BYTES_MAX {
        cut(&mut Arc::make_mut(&mut binding).key);
    }
    binding
}

fn abridged_parameter(mut parameter: Parameter) -> Parameter {
    cut(&mut parameter.component);
    cut(&mut parameter.name);
    parameter
}

fn abridge_texts(texts: &mut Vec<String>) {
    texts.truncate(TAGS_MAX);
    texts.iter_mut().for_each(|text| text.truncate(text.floor_char_boundary(64)));
    texts.shrink_to_fit();
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text.shrink_to_fit();
}

fn texts_bytes(texts: &[String]) -> usize {
    texts.iter().map(|text| size_of::<String>() + text.len()).sum()
}

#[cfg(test)]
mod tests {
    use message::{Name, Value};

    use super::*;

    #[test]
    fn what_is_told_of_a_queue_is_short_and_the_queue_stays_as_it_is() {
        let mut arguments = Arguments::new();
        arguments.insert("a".to_owned(), Value::Array(vec![Value::Void; 100_000]));
        arguments.insert("x-queue-type".to_owned(), Value::text("quorum"));
        let queue = Arc::new(Queue {
            id: message::QueueId::new(0, 1),
            vhost: Name::fixed("/"),
            name: Name::fixed("q"),
            is_durable: true,
            is_auto_delete: false,
            owner: None,
            lane_count: 1,
            relay_of: None,
            arguments: Arc::new(arguments),
        });
        for told in [
            Occurrence::QueueCreated(Arc::clone(&queue)),
            Occurrence::QueueDeleted(Arc::clone(&queue)),
        ] {
            let what = told.abridged();
            let (Occurrence::QueueCreated(told) | Occurrence::QueueDeleted(told)) = &what else {
                panic!("it is what it was")
            };
            assert_eq!(told.arguments.keys().collect::<Vec<_>>(), ["x-queue-type"]);
            assert!(Occurred { actor: None, what }.held_bytes() < 1_000);
        }
        assert_eq!(queue.arguments.len(), 2);
    }

    #[test]
    fn nothing_that_is_told_is_long() {
        let long = || "é".repeat(1 << 20);
        let (vhost, user) = (Name::fixed("/"), Name::fixed("u"));
        let permissions =
            metadata::Permissions { configure: long(), write: long(), read: String::new() };
        let parameter = Parameter { vhost: None, component: long(), name: long() };
        for what in [
            Occurrence::PermissionCreated { vhost, user: user.clone(), permissions },
            Occurrence::ParameterSet(parameter),
            Occurrence::TagsSet(user, (0..1_000).map(|_| long()).collect()),
        ] {
            let what = what.abridged();
            assert!(Occurred { actor: None, what }.held_bytes() < 8 * 1024);
        }
    }
}
