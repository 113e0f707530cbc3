//! `/events`: the life of the node, live, under RabbitMQ's names of events.
//!
//! ```text
//!   every shard: the last events, numbered ── what is behind the cursor ──> by time ──> those whose names fit ──> Writer
//! ```
//!
//! The cursor, `Last-Event-ID` of server-sent events, holds a number for each shard. Who comes back with it goes on where it was,
//! as far as the shards remember; what they do not, is told as lost.

mod names;
mod pattern;
mod shown;

use std::collections::HashMap;

use broker::Origin;
use message::ClientId;
use node::{Event, EventKind};
use serde_json::{Value, json};

use crate::access;
use crate::call::Call;
use crate::events::pattern::Pattern;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::stream::{self, End, Writer};

/// Events that are asked for at once, of each shard.
const EVENTS_MAX: usize = 64;
/// Clients whose users are remembered at a time.
const ACTORS_MAX: usize = 1_024;

/// Somebody who watches.
struct Watch {
    call: Call,
    pattern: Option<Pattern>,
    /// The last event of each shard that was told, or passed over.
    cursor: Vec<u64>,
    /// The users of clients that have changed what is declared.
    actors: HashMap<ClientId, Option<String>>,
}

/// Begins to tell: from here on, or from the event on that was told last.
pub(crate) async fn watch(call: &Call) -> Result<Reply, Failure> {
    let pattern = call.query.find("pattern").map(Pattern::parse).transpose()?;
    let given = call.query.find("last_event_id").or(call.last_event_id.as_deref());
    let given = given.map(str::to_owned);
    let (mut writer, reply) = stream::begin(call)?;
    let newest = call.desk.ask_all(|shard| shard.observe_events(u64::MAX, 0).last).await?;
    let cursor = match given {
        None => newest,
        Some(id) => match parse_id(&id, boot(call), newest.len()) {
            // Numbers that nobody has given are somebody else's mistake.
            Some(cursor) => cursor.iter().zip(&newest).map(|(&a, &b)| a.min(b)).collect(),
            None => {
                // What happened before the node was started again, it does not know.
                writer.add_lost_before();
                vec![0; newest.len()]
            }
        },
    };
    let watch = Watch { call: call.clone(), pattern, cursor, actors: HashMap::new() };
    tokio::spawn(watch.run(writer));
    Ok(reply)
}

/// By what the numbers of this run of the node are told from those of another one.
fn boot(call: &Call) -> u64 {
    call.desk.facts.started_at_ms
}

fn id(boot: u64, cursor: &[u64]) -> String {
    let numbers: Vec<String> = cursor.iter().map(u64::to_string).collect();
    format!("{boot:x}-{}", numbers.join("."))
}

/// The numbers of an event's id; `None` when it is of another run of the node.
fn parse_id(text: &str, boot: u64, shard_count: usize) -> Option<Vec<u64>> {
    let (of_boot, numbers) = text.split_once('-')?;
    if u64::from_str_radix(of_boot, 16).ok()? != boot {
        return None;
    }
    let numbers: Option<Vec<u64>> = numbers.split('.').map(|number| number.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() == shard_count)
}

impl Watch {
    async fn run(mut self, mut writer: Writer) {
        let end = loop {
            if let Err(end) = self.go_on(&mut writer).await {
                break end;
            }
        };
        writer.finish(end).await;
    }

    /// Tells what is new.
    async fn go_on(&mut self, writer: &mut Writer) -> Result<(), End> {
        self.look_at_permissions()?;
        let mut found: Vec<(usize, Event)> = Vec::new();
        for shard in 0..self.cursor.len() {
            let after = self.cursor[shard];
            let asked =
                self.call.desk.ask(shard, move |shard| shard.observe_events(after, EVENTS_MAX));
            let page = asked.await.map_err(|_| End::Because("the node stops"))?;
            writer.add_lost(page.lost_count);
            if page.events.is_empty() {
                self.cursor[shard] = page.last;
            }
            found.extend(page.events.into_iter().map(|event| (shard, event)));
        }
        // Within a shard their order is what it is; between shards there is no other than that of the clock.
        found.sort_by_key(|(_, event)| event.at_ms);
        for (shard, event) in found {
            self.cursor[shard] = event.number;
            let name = names::name(&event.kind);
            if self.pattern.as_ref().is_some_and(|pattern| !pattern.fits(name)) {
                continue;
            }
            let value = self.shown(name, &event).await?;
            let id = id(boot(&self.call), &self.cursor);
            writer.add(name, Some(&id), &value)?;
        }
        writer.send().await
    }

    async fn shown(&mut self, name: &str, event: &Event) -> Result<Value, End> {
        let mut value = shown::shown(&self.call, &event.kind);
        if let EventKind::Declared(occurred) = &event.kind
            && let Some(actor) = occurred.actor
            && let Some(user) = self.user_of(actor).await?
        {
            value["user_who_performed_action"] = json!(user);
        }
        value["event"] = json!(name);
        value["timestamp_in_ms"] = json!(event.at_ms);
        Ok(value)
    }

    /// The user of a client, or in whose name an operator has asked; `None` if that is not known any more.
    async fn user_of(&mut self, origin: Origin) -> Result<Option<String>, End> {
        let id = origin.client;
        let desk = &self.call.desk;
        let asked = desk.ask(desk.shard_of(id), move |shard| shard.observe_operator(origin));
        let operator = asked.await.map_err(|_| End::Because("the node stops"))?;
        if operator.is_some() {
            return Ok(operator);
        }
        if let Some(user) = self.actors.get(&id) {
            return Ok(user.clone());
        }
        if self.actors.len() >= ACTORS_MAX {
            self.actors.clear();
        }
        let desk = &self.call.desk;
        let asked = desk.ask(desk.shard_of(id), move |shard| shard.observe_connection(id));
        let connection = asked.await.map_err(|_| End::Because("the node stops"))?;
        let user = connection.map(|connection| connection.user);
        self.actors.insert(id, user.clone());
        Ok(user)
    }

    /// Whoever may not look any more is not shown more.
    fn look_at_permissions(&mut self) -> Result<(), End> {
        let topology = self.call.desk.topology();
        if topology.version() == self.call.topology.version() {
            return Ok(());
        }
        self.call.topology = topology;
        let refused = End::Because("the user may not watch the node any more");
        self.call.renew_tags().ok_or(refused)?;
        let (call, access) = (&self.call, management_api::Access::Monitoring);
        access::check(access, &call.caller, &call.parameters, call.definitions())
            .map_err(|_| refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_understood_by_the_run_of_the_node_that_gave_it() {
        let text = id(0x1F, &[3, 0, 12]);
        assert_eq!(text, "1f-3.0.12");
        assert_eq!(parse_id(&text, 0x1F, 3), Some(vec![3, 0, 12]));
        for (text, boot, shard_count) in
            [(&*text, 0x1E, 3), (&text, 0x1F, 2), ("1f-3.x", 0x1F, 2), ("", 0x1F, 1)]
        {
            assert_eq!(parse_id(text, boot, shard_count), None, "{text}");
        }
    }
}
