//! A world: a machine with a node, users, and one moment after another.
//!
//! ```text
//!   boot ─▶ busy: users do as they please ─▶ (calm: they stop, everything comes to rest) ─▶ crash ─▶ boot …
//!   last boot ─▶ busy ─▶ calm ─▶ everybody leaves ─▶ the auditor consumes what is left ─▶ the end
//! ```

use stdx::{Random, Time};

use crate::SimDisk;
use crate::agenda::{Agenda, Event};
use crate::checkers::Judge;
use crate::client::Heard;
use crate::fact::Fact;
use crate::machine::{Machine, Stopped};
use crate::plan::{Plan, delay_us};
use crate::trace::Trace;
use crate::user::User;
use crate::workload::{
    Auditor, Consumer, Meddler, Next, Publisher, SETUPS, Scene, Setup, Transactor,
};

/// A world that has not come to rest after this much time, or so many events, never will.
const REST_MS_MAX: u64 = 120_000;
/// A node that is told to stop is given this long; its disk may be slow.
const STOP_MS_MAX: u64 = 20_000;
const EVENTS_MAX: u64 = 3_000_000;
/// A node that did not start so often does not start at all.
const BOOTS_MAX: u64 = 100;

/// A world.
#[derive(Debug)]
pub(crate) struct World {
    plan: Plan,
    machine: Machine,
    agenda: Agenda,
    users: Vec<User>,
    pub(crate) judge: Judge,
    random: Random,
    now: Time,
    pub(crate) trace: Trace,
    last_connection: u64,
    last_line: u64,
    /// How many of those who declare have done so since the last start.
    set_up_count: usize,
    /// Whether users do anything of their own accord.
    is_busy: bool,
    /// Whether the node was told to stop.
    is_stopping: bool,
    pub(crate) crash_count: u64,
}

impl World {
    pub(crate) fn new(seed: u64, disk: SimDisk) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random);
        let machine = Machine::new(&plan, disk, random.fork());
        let judge = Judge::new(&plan);
        let setups = (0..SETUPS).map(|part| User::new(Box::new(Setup::new(part)), false));
        let mut users: Vec<User> = setups.collect();
        let publishers = (0..plan.publishers).map(|_| User::new(Box::<Publisher>::default(), true));
        users.extend(publishers);
        users.extend((0..plan.consumers).map(|_| User::new(Box::<Consumer>::default(), true)));
        users.extend((0..plan.transactors).map(|_| User::new(Box::<Transactor>::default(), true)));
        users.extend((0..plan.meddlers).map(|_| User::new(Box::<Meddler>::default(), true)));
        Self {
            plan,
            machine,
            agenda: Agenda::default(),
            users,
            judge,
            random,
            now: Time::ZERO,
            trace: Trace::default(),
            last_connection: 0,
            last_line: 0,
            set_up_count: 0,
            is_busy: false,
            is_stopping: false,
            crash_count: 0,
        }
    }

    /// Lives from the first boot to the audit, or until something is wrong.
    pub(crate) fn live(&mut self) {
        for life in 1..=self.plan.boots {
            self.boot();
            self.is_busy = true;
            let busy_ms = 5 + self.random.below(150);
            let end = self.now.plus_millis(busy_ms);
            self.run_until(end);
            let is_last = life == self.plan.boots;
            if is_last || self.random.chance(1, 4) {
                self.rest();
            }
            if self.is_broken() {
                return;
            }
            if is_last {
                break;
            }
            if self.random.chance(1, 6) {
                self.stop();
            }
            self.crash();
        }
        self.audit();
    }

    fn is_broken(&self) -> bool {
        self.judge.broken().is_some()
    }

    /// Starts the node. Now and then the power goes while it starts.
    fn boot(&mut self) {
        for _ in 0..BOOTS_MAX {
            if self.random.chance(1, 5) {
                let calls = 1 + self.random.below(60);
                self.machine.disk.fail_at = Some(self.machine.disk.calls() + calls);
            }
            let shards = 1 + self.random.below(3) as usize;
            let (options, now) = (self.plan.store.clone(), self.now);
            match self.machine.boot(shards, &options, now, &mut self.agenda) {
                Ok(()) => {
                    self.plan_faults();
                    (0..self.users.len()).for_each(|user| self.schedule(user));
                    return;
                }
                Err(Stopped::Wrong(how)) => return self.judge.condemn(how),
                Err(Stopped::Boot | Stopped::Disk) => self.machine.crash(Vec::new(), false),
            }
        }
        self.judge.condemn("the node does not start".to_owned());
    }

    /// Now and then the power goes in the midst of life, or a sync fails.
    fn plan_faults(&mut self) {
        let (random, disk) = (&mut self.random, &mut self.machine.disk);
        disk.fail_at = random.chance(1, 8).then(|| disk.calls() + random.below(2_000));
        disk.fail_sync = random.chance(1, 8).then(|| disk.syncs() + 1 + random.below(200));
    }

    fn crash(&mut self) {
        self.crash_count += 1;
        let is_flushed = std::mem::take(&mut self.is_stopping) && self.machine.is_flushed();
        let work = self.agenda.clear();
        // A failed sync leaves a disk of which nobody knows what it holds: that is like a loss of power.
        let keeps_power = self.machine.disk.is_sound() && self.random.chance(1, 4);
        self.machine.crash(work, keeps_power);
        for user in &mut self.users {
            if let Some(connection) = user.lose() {
                self.judge.hear(&Fact::ConnectionGone { connection });
            }
        }
        self.set_up_count = 0;
        self.judge.hear(&Fact::Ended { is_flushed });
    }

    /// The node could not go on because the disk failed: that is as good as a crash. It starts again.
    fn recover(&mut self) {
        if self.machine.disk.is_sound() {
            return self.judge.condemn("the node stops although the disk is sound".to_owned());
        }
        self.crash();
        self.boot();
    }

    /// The node is told to stop, and does so in good time.
    fn stop(&mut self) {
        self.end_faults();
        (self.is_busy, self.is_stopping) = (false, true);
        // The node gives back what a client holds before the client can know.
        for (connection, _) in self.users.iter().filter_map(|user| user.link.as_ref()) {
            self.judge.hear(&Fact::ConnectionGone { connection: *connection });
        }
        self.machine.stop(self.now, &mut self.agenda);
        let end = self.now.plus_millis(STOP_MS_MAX);
        self.run_until(end);
        if !self.machine.is_flushed() {
            self.judge.condemn("a node that stops does not bring everything to disk".to_owned());
        }
    }

    /// From here on the disk does what it should.
    fn end_faults(&mut self) {
        if !self.machine.disk.is_sound() {
            self.recover();
        }
        (self.machine.disk.fail_at, self.machine.disk.fail_sync) = (None, None);
    }

    /// Users stop, and everything comes to an end that has begun.
    fn rest(&mut self) {
        self.end_faults();
        self.is_busy = false;
        let end = self.now.plus_millis(REST_MS_MAX);
        self.run_until(end);
        if self.is_broken() {
            return;
        }
        let mut waiting: Vec<String> = self.users.iter().filter_map(User::waiting).collect();
        if self.now >= end {
            waiting.push("the world itself".to_owned());
        }
        self.judge.hear(&Fact::Rested { waiting });
    }

    /// Everybody leaves, and what is left is looked at.
    fn audit(&mut self) {
        for user in 0..self.users.len() {
            self.cut_off(user);
        }
        self.rest();
        if self.is_broken() {
            return;
        }
        let auditor = self.users.len();
        self.users.push(User::new(Box::<Auditor>::default(), false));
        self.connect(auditor);
        self.rest();
        self.judge.hear(&Fact::Audited);
    }

    /// Handles events up to a moment.
    fn run_until(&mut self, end: Time) {
        while !self.is_broken() {
            let Some((at, event)) = self.agenda.pop(end) else {
                // At rest there is nothing more to come: time need not pass.
                if self.is_busy {
                    self.now = end;
                }
                return;
            };
            self.now = at;
            self.trace.note(at, &event);
            if self.trace.event_count > EVENTS_MAX {
                return self.judge.condemn("there is no end to what happens".to_owned());
            }
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        let (machine, agenda, now) = (&mut self.machine, &mut self.agenda, self.now);
        match event {
            Event::Turn { shard } => match machine.turn(shard, now, agenda) {
                Ok(()) => self.judge.hear(&Fact::Turned(self.machine.load)),
                Err(_) => self.recover(),
            },
            Event::Mail { from, to, batch } => machine.post((from, to), batch, now, agenda),
            Event::Moved { to, connection, mover } => {
                machine.moved(to, connection, *mover, now, agenda);
            }
            Event::Execute { shard, submission } => machine.execute(shard, submission, now, agenda),
            Event::Completed { shard, completion } => {
                machine.completed(shard, completion, now, agenda);
            }
            Event::ToNode { connection, bytes } => machine.arrive(connection, &bytes, now, agenda),
            Event::HangUp { connection } => machine.end_input(connection, now, agenda),
            Event::ToClient { connection, bytes } => {
                machine.taken(connection, bytes.len(), now, agenda);
                self.receive(connection, &bytes);
            }
            Event::Closed { connection } => self.closed(connection),
            Event::Act { client } => self.act(client),
        }
    }

    fn schedule(&mut self, client: usize) {
        let at = self.now.plus_micros(delay_us(&mut self.random, self.plan.pace.client));
        self.agenda.push(at, Event::Act { client });
    }

    fn act(&mut self, index: usize) {
        let user = &self.users[index];
        let is_running = user.link.as_ref().is_some_and(|(_, client)| client.is_running());
        let is_too_early = user.needs_setup && self.set_up_count < SETUPS;
        if is_too_early || self.is_stopping {
            // Not yet, or no more: a node that stops listens to nobody new.
        } else if user.link.is_none() {
            self.connect(index);
        } else if is_running && self.is_busy {
            match self.play(index, |role, scene| role.act(scene)) {
                Some(Next::Leave) => self.leave(index),
                Some(Next::Break) => self.cut_off(index),
                Some(Next::Stay) | None => {}
            }
        }
        if self.is_busy {
            self.schedule(index);
        }
    }

    /// Lets a user do something, and sends what it has to say.
    fn play<T>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut dyn crate::workload::Role, &mut Scene<'_>) -> T,
    ) -> Option<T> {
        let user = &mut self.users[index];
        let (connection, client) = user.link.as_mut()?;
        let mut scene = Scene {
            connection: *connection,
            now_ms: self.now.millis(),
            client,
            judge: &mut self.judge,
            plan: &self.plan,
            random: &mut self.random,
            last_line: &mut self.last_line,
            set_up_count: &mut self.set_up_count,
        };
        let outcome = act(&mut *user.role, &mut scene);
        self.flush(index);
        Some(outcome)
    }

    fn flush(&mut self, index: usize) {
        if let Some((connection, client)) = &mut self.users[index].link {
            let bytes = client.take_output();
            self.machine.send(*connection, &bytes, self.now, &mut self.agenda);
        }
    }

    fn connect(&mut self, index: usize) {
        self.last_connection += 1;
        self.users[index].connect(self.last_connection, &mut self.random);
        self.machine.connect(self.last_connection, self.now, &mut self.agenda);
        self.flush(index);
    }

    fn leave(&mut self, index: usize) {
        if let Some((connection, client)) = &mut self.users[index].link {
            client.leave();
            let connection = *connection;
            self.judge.hear(&Fact::ConnectionGone { connection });
            self.users[index].role.reset();
            self.flush(index);
        }
    }

    fn cut_off(&mut self, index: usize) {
        if let Some(connection) = self.users[index].lose() {
            self.judge.hear(&Fact::ConnectionGone { connection });
            self.machine.hang_up(connection, self.now, &mut self.agenda);
        }
    }

    fn user_of(&self, connection: u64) -> Option<usize> {
        let is_its =
            |user: &User| user.link.as_ref().is_some_and(|(number, _)| *number == connection);
        self.users.iter().position(is_its)
    }

    fn receive(&mut self, connection: u64, bytes: &[u8]) {
        let Some(index) = self.user_of(connection) else { return };
        let mut heard = Vec::new();
        if let Some((_, client)) = &mut self.users[index].link {
            client.receive(bytes, &mut heard);
        }
        for heard in heard {
            match heard {
                Heard::Opened => {
                    self.play(index, |role, scene| role.begin(scene));
                }
                Heard::Nonsense(what) => self.judge.hear(&Fact::Nonsense { connection, what }),
                Heard::Delivered { .. } | Heard::Got { .. } | Heard::Closed { .. }
                    if self.is_stopping => {}
                Heard::Closed { text } => {
                    let what = format!("the node closes the connection: {text}");
                    self.judge.hear(&Fact::Nonsense { connection, what });
                }
                heard => {
                    self.play(index, |role, scene| role.hear(heard, scene));
                }
            }
        }
        self.flush(index);
    }

    fn closed(&mut self, connection: u64) {
        let Some(index) = self.user_of(connection) else { return };
        let is_over = self.users[index].link.as_ref().is_some_and(|(_, client)| client.is_over());
        if !is_over && !self.is_stopping {
            let what = "the node hangs up".to_owned();
            self.judge.hear(&Fact::Nonsense { connection, what });
        }
        self.users[index].lose();
        self.judge.hear(&Fact::ConnectionGone { connection });
    }
}
