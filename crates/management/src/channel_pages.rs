//! A walk over all channels of a shard, so many in a turn: one connection may have thousands, each with what it sends where.

use message::ClientId;
use node::Shard;
use node::observation::{ChannelBreakdown, ChannelState, ConnectionState, PAGE_MAX};

/// Where a walk goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Behind this connection.
    behind: Option<ClientId>,
    /// First, behind this channel of this connection.
    within: Option<(ClientId, u16)>,
}

/// A connection, with some of its channels.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) connection: ConnectionState,
    /// Whether it has not been seen before.
    pub(crate) is_first: bool,
    pub(crate) channels: Vec<(ChannelState, ChannelBreakdown)>,
}

/// What comes next, and where to go on; `None` at the end. Channels and what they send where count against a page.
pub(crate) fn page(
    shard: &Shard,
    mut place: Place,
    has_breakdown: bool,
) -> (Vec<Part>, Option<Place>) {
    let (mut parts, mut looked_at) = (Vec::new(), 0);
    let begun = place.within.map(|(client, _)| client);
    let clients = shard.observe_clients(place.behind);
    if begun.is_none() && clients.is_empty() {
        return (parts, None);
    }
    for client in begun.into_iter().chain(clients) {
        if looked_at >= PAGE_MAX {
            break;
        }
        let mut after = place.within.take().map(|(_, channel)| channel);
        let is_first = after.is_none();
        let Some(connection) = shard.observe_connection(client) else {
            place.behind = Some(client);
            continue;
        };
        looked_at += 1;
        let mut channels = Vec::new();
        let states = shard.observe_channels_after(client, after, PAGE_MAX);
        // Of a whole page there may be more behind it.
        let mut is_all = states.len() < PAGE_MAX;
        for channel in states {
            if looked_at >= PAGE_MAX && !channels.is_empty() {
                is_all = false;
                break;
            }
            after = Some(channel.number);
            let breakdown = if has_breakdown {
                shard.observe_breakdown(client, channel.number)
            } else {
                ChannelBreakdown::default()
            };
            looked_at += 1 + breakdown.publishes.len() + breakdown.deliveries.len();
            channels.push((channel, breakdown));
        }
        parts.push(Part { connection, is_first, channels });
        place.behind = Some(client);
        if let Some(channel) = after.filter(|_| !is_all) {
            place.within = Some((client, channel));
            break;
        }
    }
    (parts, Some(place))
}

#[cfg(test)]
mod tests {
    use testkit::{Layout, Transcript, World, run_at};

    use super::*;

    #[test]
    fn one_connection_with_many_channels_is_looked_at_in_turns() {
        let mut world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
        let count = u16::try_from(PAGE_MAX).unwrap() + 100;
        let declare =
            |number| format!("C[{number}] queue.declare queue=q  S[{number}] queue.declare-ok\n");
        let steps: String = (1..=count).map(declare).collect();
        let text = format!("# Many channels.\n{steps}");
        let transcripts = Transcript::parse_all(&text).unwrap();
        if let Err(failure) = run_at(&transcripts[0], &mut world) {
            panic!("{failure}");
        }
        let (mut next, mut seen, mut first_count) = (Some(Place::default()), Vec::new(), 0);
        while let Some(place) = next {
            let parts;
            (parts, next) = world.errand(0, |shard| page(shard, place, true));
            assert!(parts.iter().map(|part| part.channels.len()).sum::<usize>() <= PAGE_MAX);
            for part in parts {
                first_count += usize::from(part.is_first);
                seen.extend(part.channels.iter().map(|(channel, _)| channel.number));
            }
        }
        assert_eq!((seen, first_count), ((1..=count).collect(), 1));
    }
}
