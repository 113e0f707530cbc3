//! The way from a request to the shards.
//!
//! ```text
//!   call ── ask(shard, what) ── errand ──→ the shard's turn runs it ── oneshot ──→ call
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use broker::{Answer, Due, Refusal, Shared, Topology, Verb};
use message::{ClientId, Name, Settlement};
use node::{AckMode, Errand, Fetched, Outcome, Publication, Shard, Unpublished};
use stdx::Time;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::attempts::Forgotten;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::login::Attempts;
use crate::machine::Machine;
use crate::metrics::{SCRAPES_MAX, Scrapes};
use crate::rates::Rates;
use crate::showing::SHOWS_MAX;
use crate::steward::Steward;
use crate::stream::Streams;

/// How long a shard may take to answer. One that takes longer is in trouble, and so is who asked.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long to wait until a shard that has too many errands is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(1);

/// The shards of a node, which run elsewhere.
pub trait Shards: Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Gives a shard something to do in its turn.
    ///
    /// # Errors
    /// The errand itself, when too many wait: to be tried again a little later.
    fn put(&self, shard: usize, errand: Errand) -> Result<(), Errand>;
}

/// The way to the shards, and what is known without asking them.
pub struct Desk {
    shards: Box<dyn Shards>,
    topology: Shared,
    pub(crate) facts: Facts,
    pub(crate) logins: auth::Logins,
    started: Instant,
    pub(crate) machine: Box<dyn Machine>,
    pub(crate) steward: Box<dyn Steward>,
    pub(crate) rates: Rates,
    /// Whoever has tried to log in here.
    pub(crate) attempts: Attempts,
    /// Those of before that an operator does not want to see any more.
    pub(crate) forgotten: Forgotten,
    pub(crate) scrapes: Scrapes,
    /// When somebody has asked something, in milliseconds since the start.
    used_at_ms: AtomicU64,
    /// Where the next queue is to live.
    next_home: AtomicUsize,
    /// Places for answers that go on and on.
    pub(crate) streams: Streams,
    /// Places for scrapes, whoever asks for them.
    pub(crate) scrape_places: Arc<Semaphore>,
    /// Places for answers with messages in them.
    pub(crate) show_places: Arc<Semaphore>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Desk {
    /// A desk in front of these shards, which share `topology`.
    pub fn new(
        shards: Box<dyn Shards>,
        topology: Shared,
        facts: Facts,
        logins: auth::Logins,
        machine: Box<dyn Machine>,
        steward: Box<dyn Steward>,
    ) -> Self {
        let rates = Rates::default();
        let (used_at_ms, next_home) = (AtomicU64::new(0), AtomicUsize::new(0));
        let started = Instant::now();
        Self {
            shards,
            topology,
            facts,
            logins,
            machine,
            steward,
            started,
            rates,
            attempts: Attempts::default(),
            forgotten: Forgotten::default(),
            scrapes: Scrapes::default(),
            used_at_ms,
            next_home,
            streams: Streams::default(),
            scrape_places: Arc::new(Semaphore::new(SCRAPES_MAX)),
            show_places: Arc::new(Semaphore::new(SHOWS_MAX)),
        }
    }

    /// Has its clock count from `origin`, as that of the shards does: failures to log in are remembered for all doors together, and
    /// two clocks would forget them at two times.
    #[must_use]
    pub fn counting_from(mut self, origin: std::time::Instant) -> Self {
        self.started = Instant::from_std(origin);
        self
    }

    /// What time it is, by a clock that only goes on.
    pub(crate) fn now(&self) -> Time {
        Time::ZERO.plus_micros(self.started.elapsed().as_micros() as u64)
    }

    /// Somebody asks something.
    pub(crate) fn note_use(&self) {
        self.used_at_ms.store(self.now().millis(), Ordering::Relaxed);
    }

    /// For how many milliseconds nobody has asked anything.
    pub(crate) fn idle_ms(&self) -> u64 {
        self.now().millis().saturating_sub(self.used_at_ms.load(Ordering::Relaxed))
    }

    /// Where a connection lives.
    pub(crate) fn shard_of(&self, client: ClientId) -> usize {
        usize::from(client.shard()) % self.shard_count()
    }

    /// What is declared at this moment. No shard is asked.
    pub(crate) fn topology(&self) -> Arc<Topology> {
        self.topology.load_full()
    }

    /// Asks one shard.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the node stops, or the shard does not answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        shard: usize,
        question: impl FnOnce(&mut Shard) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (sender, receiver) = oneshot::channel();
        let errand = Errand::new(move |shard| {
            // Whoever asked may have gone.
            let _ = sender.send(question(shard));
        });
        self.send(shard, errand, receiver).await
    }

    /// Asks all shards the same; the answers stand in the order of the shards.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub(crate) async fn ask_all<T: Send + 'static>(
        &self,
        question: impl Fn(&mut Shard) -> T + Clone + Send + 'static,
    ) -> Result<Vec<T>, Failure> {
        let mut answers = Vec::new();
        for shard in 0..self.shards.count() {
            answers.push(self.ask(shard, question.clone()).await?);
        }
        Ok(answers)
    }

    /// Has something made, removed or changed for a user, as every client would; it is on disk when this ends.
    ///
    /// # Errors
    /// As [`Desk::ask`]; the inner one is the broker's refusal.
    pub(crate) async fn operate(
        &self,
        user: &str,
        verb: Verb,
    ) -> Result<Result<Answer, Refusal>, Failure> {
        let user = user.to_owned();
        // A queue lives where it is asked for: many of them are spread.
        let shard = match verb {
            Verb::DeclareQueue(_) => {
                self.next_home.fetch_add(1, Ordering::Relaxed) % self.shard_count()
            }
            _ => 0,
        };
        let (sender, receiver) = oneshot::channel();
        let errand = Errand::new(move |shard| {
            shard.operate_as(user, verb, Box::new(|end| drop(sender.send(end))));
        });
        self.send(shard, errand, receiver).await
    }

    /// Publishes a message for a user; it is safe when this ends.
    ///
    /// # Errors
    /// As [`Desk::ask`]; the inner one tells why it was not published.
    pub(crate) async fn publish(
        &self,
        vhost: Name,
        user: String,
        publication: Publication,
    ) -> Result<Result<Outcome, Unpublished>, Failure> {
        let (sender, receiver) = oneshot::channel();
        let errand = Errand::new(move |shard| {
            let answer = Box::new(|end| drop(sender.send(end)));
            shard.publish_as_operator(&vhost, &user, &publication, answer);
        });
        self.send(0, errand, receiver).await
    }

    /// Publishes messages for a user, one after the other in one turn; what became of them stands in the same order.
    /// Each of those that are routed is safe when this ends.
    ///
    /// # Errors
    /// As [`Desk::ask`]: then nobody knows what became of them.
    pub(crate) async fn publish_all(
        &self,
        vhost: Name,
        user: String,
        publications: Vec<Publication>,
    ) -> Result<Vec<Result<Outcome, Unpublished>>, Failure> {
        let count = publications.len();
        let (sender, receiver) = mpsc::channel(count.max(1));
        let (begun, started) = oneshot::channel();
        let errand = Errand::new(move |shard| {
            for (index, publication) in publications.iter().enumerate() {
                let sender = sender.clone();
                let answer = Box::new(move |end| drop(sender.try_send((index, end))));
                shard.publish_as_operator(&vhost, &user, publication, answer);
            }
            // Whoever asked may have gone.
            let _ = begun.send(());
        });
        self.send(0, errand, started).await?;
        gather(count, receiver).await
    }

    /// Takes messages out of a queue, or looks at them.
    ///
    /// # Errors
    /// As [`Desk::ask`]; the inner one is the broker's refusal.
    pub(crate) async fn fetch(
        &self,
        vhost: Name,
        queue: Name,
        count: usize,
        mode: AckMode,
    ) -> Result<Result<Vec<Fetched>, Refusal>, Failure> {
        let (sender, receiver) = oneshot::channel();
        let errand = Errand::new(move |shard| {
            let answer = Box::new(|end| drop(sender.send(end)));
            shard.fetch_as_operator(&vhost, &queue, count, mode, answer);
        });
        self.send(0, errand, receiver).await
    }

    /// How many shards there are.
    pub(crate) fn shard_count(&self) -> usize {
        self.shards.count()
    }

    /// Has several things done, in their order, by one shard in one turn; the ends stand in the same order. What is
    /// made lives on that shard.
    ///
    /// # Errors
    /// As [`Desk::operate`].
    pub(crate) async fn operate_all(
        &self,
        shard: usize,
        verbs: Vec<Verb>,
    ) -> Result<Vec<Result<Answer, Refusal>>, Failure> {
        let count = verbs.len();
        let (sender, receiver) = mpsc::channel(count.max(1));
        let (begun, started) = oneshot::channel();
        let errand = Errand::new(move |shard| {
            for (index, verb) in verbs.into_iter().enumerate() {
                let sender = sender.clone();
                let answer = move |end| drop(sender.try_send((index, end)));
                shard.operate(verb, Box::new(answer));
            }
            // Whoever asked may have gone.
            let _ = begun.send(());
        });
        self.send(shard, errand, started).await?;
        gather(count, receiver).await
    }

    /// Settles messages that were fetched to be held.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub(crate) async fn settle(
        &self,
        dues: Vec<Due>,
        settlement: Settlement,
    ) -> Result<(), Failure> {
        if dues.is_empty() {
            return Ok(());
        }
        self.ask(0, move |shard| shard.settle_as_operator(dues, settlement)).await
    }

    async fn send<T>(
        &self,
        shard: usize,
        mut errand: Errand,
        receiver: oneshot::Receiver<T>,
    ) -> Result<T, Failure> {
        let answered = timeout(ANSWER_MAX, async {
            while let Err(returned) = self.shards.put(shard, errand) {
                errand = returned;
                sleep(RETRY_AFTER).await;
            }
            receiver.await
        });
        match answered.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Failure::Unavailable("the node stops".to_owned())),
            Err(_) => Err(Failure::Unavailable(format!(
                "shard {shard} has not answered within {} seconds, because it is busy or its disk takes nothing; what was asked for may still be done",
                ANSWER_MAX.as_secs()
            ))),
        }
    }
}

/// So many numbered ends, in the order of their numbers.
async fn gather<T>(
    count: usize,
    mut receiver: mpsc::Receiver<(usize, T)>,
) -> Result<Vec<T>, Failure> {
    let mut ends = Vec::with_capacity(count);
    while ends.len() < count {
        match timeout(ANSWER_MAX, receiver.recv()).await {
            Ok(Some(end)) => ends.push(end),
            Ok(None) | Err(_) => {
                return Err(Failure::Unavailable("the node stops, or is too busy".to_owned()));
            }
        }
    }
    ends.sort_by_key(|(index, _)| *index);
    Ok(ends.into_iter().map(|(_, end)| end).collect())
}
