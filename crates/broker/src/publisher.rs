//! One conversation's publishing side: routes that it found before, and confirms that it waits for.

use std::collections::VecDeque;
use std::iter;

use message::{ClientId, Headers, Message, Name, QueueId};
use routing::{Envelope, ExchangeId, Targets};
use stdx::Random;

use crate::refusal::{Object, Refusal};
use crate::relay::Relays;
use crate::reply::ReplyAddress;
use crate::request::Origin;
use crate::topology::Topology;

/// How many routes a conversation remembers. Beyond this it forgets them all: a producer with more keys than
/// that finds each route anew, which costs well under a microsecond.
const ROUTES_MAX: usize = 32;

/// Whom to tell when a message is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    pub(crate) client: ClientId,
    pub(crate) link: u64,
    pub(crate) number: u64,
}

impl Confirm {
    /// That of the next message.
    pub(crate) const fn next(self) -> Self {
        self.after(1)
    }

    /// That of the message that comes so many later.
    pub(crate) const fn after(self, count: u64) -> Self {
        Self { number: self.number + count, ..self }
    }
}

/// An answer to a producer: everything up to `number`, or just it, is safe, or was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The confirm number: 1 for the first message after [`Publisher::confirm`].
    pub number: u64,
    /// Whether it speaks for all lower numbers too that have had no answer.
    pub is_multiple: bool,
    /// Whether one of the queues did not take the message. Others may have it.
    pub is_rejected: bool,
}

/// Where a message goes, and whom to tell.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    pub(crate) queues: &'a [QueueId],
    pub(crate) relays: &'a Relays,
    pub(crate) addresses: &'a [ReplyAddress],
    pub(crate) confirm: Option<Confirm>,
}

#[derive(Debug)]
struct Route {
    exchange: Box<[u8]>,
    key: Box<[u8]>,
    queues: Box<[QueueId]>,
    /// The exchange's number.
    exchange_id: u64,
    /// Messages that took it since somebody asked.
    count: u64,
}

/// One conversation's publishing side. The front-end keeps it and hands it in with every message.
#[derive(Debug)]
pub struct Publisher {
    pub(crate) origin: Origin,
    pub(crate) vhost: Name,
    routes: Vec<Route>,
    /// Where the last route was found: a producer mostly repeats itself.
    last: usize,
    /// The way of the message that may come again; beyond the end of `routes` if none is known.
    again: usize,
    /// The route of a message for which headers, further keys or chance decided, which is not remembered.
    passing: Box<[QueueId]>,
    /// The relays on that way.
    relays: Relays,
    no_relays: Relays,
    /// The clients that it goes straight to.
    addresses: Vec<ReplyAddress>,
    version: u64,
    scratch: Targets,
    /// The exchange that found the last way that is not remembered.
    exchange_id: u64,
    /// Messages whose ways are not remembered: exchange, how many, and for how many queues.
    passed: Vec<(u64, u64, u64)>,
    confirms: Option<Confirms>,
}

impl Publisher {
    /// A conversation that publishes to the exchanges of `vhost`.
    pub fn new(origin: Origin, vhost: Name) -> Self {
        Self {
            origin,
            vhost,
            routes: Vec::new(),
            last: 0,
            again: ROUTES_MAX,
            passing: Box::default(),
            relays: Relays::default(),
            no_relays: Relays::default(),
            addresses: Vec::new(),
            version: 0,
            scratch: Targets::default(),
            exchange_id: 0,
            passed: Vec::new(),
            confirms: None,
        }
    }

    /// Who it is.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Its client has another number from here on. Nothing may be out that waits for a confirm.
    pub fn set_client(&mut self, client: ClientId) {
        assert!(!self.is_waiting(), "what is out would be answered to the old number");
        self.origin.client = client;
    }

    /// Where it publishes.
    pub const fn vhost(&self) -> &Name {
        &self.vhost
    }

    /// From here on every message is confirmed.
    pub fn confirm(&mut self) {
        self.confirms.get_or_insert_with(Confirms::new);
    }

    /// Whether messages are confirmed.
    pub const fn is_confirming(&self) -> bool {
        self.confirms.is_some()
    }

    /// Whether messages are out whose end the producer has not been told of.
    pub fn is_waiting(&self) -> bool {
        self.confirms.as_ref().is_some_and(|confirms| !confirms.waiting.is_empty())
    }

    /// The exchange that the last message went to, by its number.
    pub fn last_exchange(&self) -> u64 {
        self.routes.get(self.last).map_or(self.exchange_id, |route| route.exchange_id)
    }

    /// Messages `first..=last` are safe in one of their queues.
    pub fn confirmed(&mut self, first: u64, last: u64) {
        if let Some(confirms) = &mut self.confirms {
            confirms.answer(first, last, 0);
        }
    }

    /// Messages `first..=last` were not taken by one of their queues.
    pub fn rejected(&mut self, first: u64, last: u64) {
        if let Some(confirms) = &mut self.confirms {
            confirms.answer(first, last, REJECTED);
        }
    }

    /// Gives back memory that is kept to be used again.
    pub fn shed(&mut self) {
        self.passed.shrink_to_fit();
        self.addresses.shrink_to_fit();
        if let Some(confirms) = &mut self.confirms {
            confirms.waiting.shrink_to_fit();
            confirms.early.shrink_to_fit();
        }
    }

    /// The next thing to tell the producer. Call until `None`, once a turn: one answer then speaks for many.
    pub fn poll_confirmation(&mut self) -> Option<Confirmation> {
        self.confirms.as_mut()?.poll()
    }

    /// How many messages the producer was told to be safe since the last call.
    pub fn take_confirmed(&mut self) -> u64 {
        self.confirms.as_mut().map_or(0, |confirms| std::mem::take(&mut confirms.confirmed_count))
    }

    /// How many messages are out whose end the producer has not been told of.
    pub fn unconfirmed_count(&self) -> usize {
        let Some(confirms) = &self.confirms else { return 0 };
        confirms.waiting.iter().filter(|&&waiting| waiting != TOLD).count()
    }

    /// Finds the queues that a message goes to, and gives it its confirm number.
    ///
    /// # Errors
    /// [`Refusal`] when there is no such exchange, or it takes no messages from clients.
    pub(crate) fn begin(
        &mut self,
        topology: &Topology,
        message: &Message,
        headers: &dyn Headers,
        random: &mut Random,
        is_delayed: bool,
    ) -> Result<Way<'_>, Refusal> {
        let place = self.route(topology, message, headers, random, is_delayed)?;
        let way = self.way_at(place);
        let target_count = way.queues.len() + way.relays.len();
        let confirm = self.next_confirm(target_count);
        Ok(Way { confirm, ..self.way_at(place) })
    }

    /// The message that was published last may come again.
    pub fn expect_again(&mut self) {
        self.again = self.last;
    }

    /// The queues that the last message went to.
    pub(crate) fn last_queues(&self) -> &[QueueId] {
        self.routes.get(self.last).map_or(&self.passing, |route| &route.queues)
    }

    /// Whether the message that was expected again has a way to some queue, which is known.
    #[inline]
    pub(crate) fn knows_way(&self, topology: &Topology) -> bool {
        let route = self.routes.get(self.again).filter(|route| !route.queues.is_empty());
        route.is_some() && self.version == topology.version()
    }

    /// The way of `count` messages that have the exchange and keys of the one that was expected again, and the confirm number
    /// of the first. The messages themselves are not looked at: reading what has just been written makes a processor
    /// wait for it.
    ///
    /// # Panics
    /// When the way is not known.
    #[inline]
    pub(crate) fn begin_run(&mut self, count: usize) -> Way<'_> {
        let route = &mut self.routes[self.again];
        route.count += count as u64;
        let target_count = route.queues.len();
        self.last = self.again;
        let Origin { client, link } = self.origin;
        let begin = |confirms: &mut Confirms| confirms.begin_run(count, target_count);
        let number = self.confirms.as_mut().map(begin);
        let confirm = number.map(|number| Confirm { client, link, number });
        Way { confirm, ..self.way_at(Some(self.last)) }
    }

    /// Finds where a message goes, and promises nothing.
    ///
    /// # Errors
    /// [`Refusal`] as [`Publisher::begin`].
    pub(crate) fn find_way(
        &mut self,
        topology: &Topology,
        message: &Message,
        headers: &dyn Headers,
        random: &mut Random,
        is_delayed: bool,
    ) -> Result<Way<'_>, Refusal> {
        let place = self.route(topology, message, headers, random, is_delayed)?;
        Ok(self.way_at(place))
    }

    /// The number of the next message, which so many queues will answer, if messages are confirmed.
    #[inline]
    pub(crate) fn next_confirm(&mut self, target_count: usize) -> Option<Confirm> {
        let Origin { client, link } = self.origin;
        let number = self.confirms.as_mut()?.begin(target_count);
        Some(Confirm { client, link, number })
    }

    #[inline]
    fn way_at(&self, place: Option<usize>) -> Way<'_> {
        let (queues, relays, addresses) = match place {
            Some(index) => (&*self.routes[index].queues, &self.no_relays, &[][..]),
            None => (&*self.passing, &self.relays, &self.addresses[..]),
        };
        Way { queues, relays, addresses, confirm: None }
    }

    /// Finds the way of a message, and counts it.
    #[inline]
    fn route(
        &mut self,
        topology: &Topology,
        message: &Message,
        headers: &dyn Headers,
        random: &mut Random,
        is_delayed: bool,
    ) -> Result<Option<usize>, Refusal> {
        self.again = ROUTES_MAX;
        let place = self.place_of(topology, message, headers, random, is_delayed)?;
        if place.is_none() {
            // No route is the last one: see `last_exchange`.
            self.last = ROUTES_MAX;
            self.pass(self.exchange_id, 1, self.passing.len() as u64);
        }
        Ok(place)
    }

    fn pass(&mut self, exchange: u64, publish_in: u64, publish_out: u64) {
        match self.passed.last_mut() {
            Some((same, count, out)) if *same == exchange => {
                *count += publish_in;
                *out += publish_out;
            }
            _ => self.passed.push((exchange, publish_in, publish_out)),
        }
    }

    /// Tells what was published since the last call: exchange, how many messages, and for how many queues.
    pub(crate) fn take_tally(&mut self, mut tell: impl FnMut(u64, u64, u64)) {
        for route in self.routes.iter_mut().filter(|route| route.count > 0) {
            let count = std::mem::take(&mut route.count);
            tell(route.exchange_id, count, count * route.queues.len() as u64);
        }
        self.passed.drain(..).for_each(|(exchange, count, out)| tell(exchange, count, out));
    }

    /// Forgets all routes, but not what went there.
    fn forget_routes(&mut self) {
        for route in std::mem::take(&mut self.routes) {
            if route.count > 0 {
                self.pass(route.exchange_id, route.count, route.count * route.queues.len() as u64);
            }
        }
    }

    /// Where among `routes` the way of a message stands, which is counted there; `None` for `passing`.
    fn place_of(
        &mut self,
        topology: &Topology,
        message: &Message,
        headers: &dyn Headers,
        random: &mut Random,
        is_delayed: bool,
    ) -> Result<Option<usize>, Refusal> {
        if message.has_fields() && message.cc().chain(message.bcc()).next().is_some() {
            let (passing, _) = self.find(topology, message, headers, random, is_delayed)?;
            self.passing = passing;
            return Ok(None);
        }
        if self.version != topology.version() {
            self.forget_routes();
            self.version = topology.version();
        }
        let (exchange, key) = (message.exchange(), message.routing_key());
        let is_same = |route: &Route| *route.key == *key && *route.exchange == *exchange;
        if let Some(route) = self.routes.get_mut(self.last).filter(|route| is_same(route)) {
            route.count += 1;
            return Ok(Some(self.last));
        }
        if let Some(index) = self.routes.iter().position(is_same) {
            self.last = index;
            self.routes[index].count += 1;
            return Ok(Some(index));
        }
        let (queues, is_constant) = self.find(topology, message, headers, random, is_delayed)?;
        if !is_constant {
            self.passing = queues;
            return Ok(None);
        }
        if self.routes.len() == ROUTES_MAX {
            self.forget_routes();
        }
        self.last = self.routes.len();
        let exchange_id = self.exchange_id;
        let (exchange, key) = (exchange.into(), key.into());
        self.routes.push(Route { exchange, key, queues, exchange_id, count: 1 });
        Ok(Some(self.last))
    }

    /// The queues that a message goes to with any of its keys, each once, and whether the same exchange and keys always
    /// lead there.
    fn find(
        &mut self,
        topology: &Topology,
        message: &Message,
        headers: &dyn Headers,
        random: &mut Random,
        is_delayed: bool,
    ) -> Result<(Box<[QueueId]>, bool), Refusal> {
        let exchange = self.exchange(topology, message.exchange())?;
        self.exchange_id = exchange.map_or_else(|| self.default_exchange(topology), |id| id.0);
        let (one, all);
        let keys = if message.has_fields() {
            let own = iter::once(message.routing_key());
            all = own.chain(message.cc()).chain(message.bcc()).collect::<Vec<_>>();
            &all[..]
        } else {
            one = [message.routing_key()];
            &one[..]
        };
        self.scratch.clear();
        self.addresses.clear();
        if let Some(exchange) = exchange {
            let random = random.next_u64();
            let envelope = Envelope { keys, headers, random, is_delayed, past: None };
            topology.router().route(exchange, &envelope, &mut self.scratch);
        } else {
            let vhost = self.vhost.as_str();
            let names = keys.iter().filter_map(|key| std::str::from_utf8(key).ok());
            for name in names {
                if let Some(queue) = topology.queue(vhost, name) {
                    self.scratch.add_queue(queue.id.number());
                }
                self.addresses.extend(ReplyAddress::parse(name.as_bytes()));
            }
        }
        let queues = self.scratch.queues().iter().map(|&id| QueueId::from_number(id)).collect();
        self.relays = Relays::of(self.scratch.keepers(), topology, headers);
        // Whether an exchange remembers a message is the message's own word, too.
        let is_constant = self.scratch.is_constant()
            && self.scratch.keepers().is_empty()
            && self.addresses.is_empty();
        Ok((queues, is_constant))
    }

    /// The number of the default exchange.
    fn default_exchange(&self, topology: &Topology) -> u64 {
        topology.exchange(self.vhost.as_str(), "").map_or(0, |exchange| exchange.id)
    }

    /// The exchange of this name, if it takes messages from clients; `None` for the default exchange.
    ///
    /// # Errors
    /// [`Refusal`] when there is no such exchange, or it takes no messages from clients.
    pub(crate) fn exchange(
        &self,
        topology: &Topology,
        exchange: &[u8],
    ) -> Result<Option<ExchangeId>, Refusal> {
        if exchange.is_empty() {
            return Ok(None);
        }
        let name = String::from_utf8_lossy(exchange);
        let Some(found) = topology.exchange(self.vhost.as_str(), &name) else {
            let name = Name::new(&name).unwrap_or_else(|_| Name::fixed("?"));
            let vhost = self.vhost.clone();
            return Err(Refusal::NotFound { object: Object::Exchange, name, vhost });
        };
        if found.is_internal {
            let (name, vhost) = (found.name.clone(), self.vhost.clone());
            return Err(Refusal::InternalExchange { name, vhost });
        }
        Ok(Some(ExchangeId(found.id)))
    }
}

/// Confirm numbers that are out.
///
/// ```text
///   waiting:   [0] [2] [1] [R] [R+1]        how many queues have yet to answer; R: one of them has rejected it
///   number:    base     …      base + 4
/// ```
///
/// Numbers at the front that wait for nothing and have the same outcome are answered together. One behind them is
/// answered by itself: a message that sits in a slow queue does not hold up the others. A message that a queue has
/// rejected waits for its other queues like any other, so that each number is answered once.
#[derive(Debug)]
struct Confirms {
    base: u64,
    waiting: VecDeque<u32>,
    early: Vec<u64>,
    /// How many were answered well since somebody asked.
    confirmed_count: u64,
}

/// Set beside the number of queues when one of them has rejected the message.
const REJECTED: u32 = 1 << 31;

/// Waits for nothing, and the producer has been told.
const TOLD: u32 = u32::MAX;

/// How many queues have yet to answer.
const fn left(waiting: u32) -> u32 {
    waiting & !REJECTED
}

impl Confirms {
    const fn new() -> Self {
        Self { base: 1, waiting: VecDeque::new(), early: Vec::new(), confirmed_count: 0 }
    }

    fn begin(&mut self, targets: usize) -> u64 {
        let number = self.base + self.waiting.len() as u64;
        let targets = u32::try_from(targets).ok().filter(|&targets| targets < left(TOLD));
        self.waiting.push_back(targets.expect("fewer than 2^31 queues"));
        number
    }

    /// The number of the first of `count` messages in a row.
    fn begin_run(&mut self, count: usize, targets: usize) -> u64 {
        let number = self.begin(targets);
        let targets = self.waiting.back().copied().unwrap_or_default();
        self.waiting.extend(iter::repeat_n(targets, count - 1));
        number
    }

    /// One queue of each of `first..=last` has answered; `outcome` is [`REJECTED`] or nothing.
    fn answer(&mut self, first: u64, last: u64, outcome: u32) {
        for number in first..=last {
            let index = number.checked_sub(self.base).expect("a confirm is answered once") as usize;
            let waiting = self.waiting.get_mut(index).expect("a confirm that is out is known");
            let is_due = left(*waiting) > 0 && *waiting != TOLD;
            assert!(is_due, "each queue answers a message once");
            *waiting = (*waiting - 1) | outcome;
            if left(*waiting) == 0 && index > 0 {
                self.early.push(number);
            }
        }
    }

    fn poll(&mut self) -> Option<Confirmation> {
        let mut run: Option<Confirmation> = None;
        while let Some(&waiting) = self.waiting.front() {
            if waiting != TOLD {
                let is_rejected = waiting == REJECTED;
                let is_other = run.is_some_and(|run| run.is_rejected != is_rejected);
                if left(waiting) > 0 || is_other {
                    break;
                }
                let (number, is_multiple) = (self.base, run.is_some());
                run = Some(Confirmation { number, is_multiple, is_rejected });
                self.confirmed_count += u64::from(!is_rejected);
            }
            self.waiting.pop_front();
            self.base += 1;
        }
        if run.is_some() {
            return run;
        }
        while let Some(number) = self.early.pop() {
            let Some(index) = number.checked_sub(self.base) else { continue };
            let waiting = &mut self.waiting[index as usize];
            let is_rejected = std::mem::replace(waiting, TOLD) == REJECTED;
            self.confirmed_count += u64::from(!is_rejected);
            return Some(Confirmation { number, is_multiple: false, is_rejected });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polled(confirms: &mut Confirms) -> Vec<(u64, bool)> {
        iter::from_fn(|| confirms.poll()).map(|c| (c.number, c.is_multiple)).collect()
    }

    #[test]
    fn what_is_safe_from_the_front_on_is_confirmed_together() {
        let mut confirms = Confirms::new();
        for _ in 0..5 {
            confirms.begin(1);
        }
        confirms.answer(1, 3, 0);
        assert_eq!(polled(&mut confirms), [(3, true)]);
        confirms.answer(4, 4, 0);
        assert_eq!(polled(&mut confirms), [(4, false)]);
        assert_eq!(polled(&mut confirms), []);
    }

    #[test]
    fn a_slow_queue_does_not_hold_up_later_messages() {
        let mut confirms = Confirms::new();
        confirms.begin(2);
        confirms.begin(1);
        confirms.begin(1);
        confirms.answer(2, 3, 0);
        let mut early = polled(&mut confirms);
        early.sort_unstable();
        assert_eq!(early, [(2, false), (3, false)]);
        confirms.answer(1, 1, 0);
        assert_eq!(polled(&mut confirms), []);
        confirms.answer(1, 1, 0);
        assert_eq!(polled(&mut confirms), [(1, false)]);
        assert!(confirms.waiting.is_empty());
    }

    #[test]
    fn a_message_that_went_nowhere_is_confirmed_at_once() {
        let mut confirms = Confirms::new();
        confirms.begin(0);
        assert_eq!(polled(&mut confirms), [(1, false)]);
    }

    #[test]
    fn runs_of_one_outcome_are_answered_together() {
        let mut confirms = Confirms::new();
        for _ in 0..6 {
            confirms.begin(1);
        }
        confirms.answer(1, 2, 0);
        confirms.answer(3, 5, REJECTED);
        confirms.answer(6, 6, 0);
        let answers: Vec<_> = iter::from_fn(|| confirms.poll()).collect();
        let answer =
            |number, is_multiple, is_rejected| Confirmation { number, is_multiple, is_rejected };
        assert_eq!(
            answers,
            [answer(2, true, false), answer(5, true, true), answer(6, false, false)]
        );
    }

    #[test]
    fn a_message_that_one_of_its_queues_rejects_is_rejected_when_all_have_answered() {
        let mut confirms = Confirms::new();
        confirms.begin(1);
        confirms.begin(3);
        confirms.begin(2);
        confirms.answer(2, 3, REJECTED);
        confirms.answer(2, 2, 0);
        assert_eq!(confirms.poll(), None);
        confirms.answer(2, 3, 0);
        let mut early: Vec<_> = iter::from_fn(|| confirms.poll()).collect();
        early.sort_unstable_by_key(|answer| answer.number);
        assert!(early.iter().all(|answer| answer.is_rejected && !answer.is_multiple));
        assert_eq!(early.iter().map(|answer| answer.number).collect::<Vec<_>>(), [2, 3]);
        confirms.answer(1, 1, 0);
        assert_eq!(polled(&mut confirms), [(1, false)]);
        assert!(confirms.waiting.is_empty());
    }
}
