//! Runs a conversation, and says where it went another way than it is written.

use std::collections::BTreeMap;
use std::fmt;

use proto_amqp091::Limits;
use wire_amqp091::frame;
use wire_amqp091::limits::FRAME_HEAD_BYTES;
use wire_amqp091::method::Method;
use wire_amqp091::protocol_header::AMQP_0_9_1;

use crate::action::{Action, Args, Expected, PROPERTIES, Sent, Side, Step};
use crate::client::{Client, Handshake};
use crate::fields;
use crate::layout::Layout;
use crate::matching::compare;
use crate::transcript::Transcript;
use crate::value::{Names, Value, narrow};
use crate::venue::Venue;
use crate::world::World;

/// Where a conversation went another way than it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line of the step, counted from 1.
    pub line: usize,
    /// The step as it is written.
    pub step: String,
    /// What was wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    {}", self.step, self.what)
    }
}

/// Runs a conversation with a fresh node in memory.
///
/// # Errors
/// [`Failure`]: the first step that went another way.
pub fn run(transcript: &Transcript, layout: Layout) -> Result<(), Failure> {
    run_at(transcript, &mut World::new(layout, Limits::default()))
}

/// Runs a conversation with the server at `venue`, in which nothing has been declared so far.
///
/// # Errors
/// As [`run`].
pub fn run_at(transcript: &Transcript, venue: &mut dyn Venue) -> Result<(), Failure> {
    let mut course = Course { venue, clients: BTreeMap::new(), names: Names::new() };
    let mut steps = transcript.steps.iter().peekable();
    let mut last = None;
    while let Some(step) = steps.next() {
        if !matches!(step.action, Action::Expect { .. }) {
            course.check_nothing_left(last.unwrap_or(step))?;
        }
        let is_answered = steps.peek().is_some_and(|next| next.action.is_answer());
        course.take(step, is_answered).map_err(|what| failure(step, what))?;
        last = Some(step);
    }
    let Some(last) = last else { return Ok(()) };
    course.venue.settle(false);
    course.check_nothing_left(last)
}

fn failure(step: &Step, what: String) -> Failure {
    Failure { line: step.line, step: step.text.clone(), what }
}

/// A conversation under way.
struct Course<'v> {
    venue: &'v mut dyn Venue,
    clients: BTreeMap<String, Client>,
    names: Names,
}

impl Course<'_> {
    fn check_nothing_left(&mut self, last: &Step) -> Result<(), Failure> {
        self.hear().map_err(|what| failure(last, what))?;
        for (client, left) in &self.clients {
            if let Some((channel, came)) = left.first_left() {
                let what =
                    format!("this came too, and is not expected: S{client}[{channel}] {came}");
                return Err(failure(last, what));
            }
        }
        Ok(())
    }

    /// Every client takes in what the server has said.
    fn hear(&mut self) -> Result<(), String> {
        self.clients.values_mut().try_for_each(|client| client.hear(self.venue))
    }

    fn take(&mut self, step: &Step, is_answered: bool) -> Result<(), String> {
        match &step.action {
            Action::Connect { client, args } => self.connect(client, args)?,
            Action::Send { side, what, times, is_joined } => {
                self.client(&side.client)?;
                for _ in 0..*times {
                    self.send(side, what)?;
                }
                if *is_joined {
                    return Ok(());
                }
                if let Some(client) = self.clients.get_mut(&side.client) {
                    return client.speak(self.venue, is_answered);
                }
            }
            Action::Expect { side, what, times } => {
                for _ in 0..*times {
                    self.expect(side, what)?;
                }
                return Ok(());
            }
            Action::Happen(circumstance) => {
                self.venue.happen(circumstance)?;
                if circumstance.ends_all_clients() {
                    self.clients.clear();
                }
            }
        }
        self.venue.settle(is_answered);
        Ok(())
    }

    /// The client of this name, which connects when it is first spoken of.
    fn client(&mut self, name: &str) -> Result<&mut Client, String> {
        if !self.clients.contains_key(name) {
            let client = Client::open(self.venue)?;
            self.clients.insert(name.to_owned(), client);
        }
        self.clients.get_mut(name).ok_or_else(|| "there is no such client".to_owned())
    }

    fn connect(&mut self, name: &str, args: &Args) -> Result<(), String> {
        let mut client = Client::connect(self.venue, !args.is_set("remote"))?;
        if !args.is_set("raw") {
            let mut handshake = Handshake::default();
            let number = |name| args.number(name);
            handshake.heartbeat_s = narrow(number("heartbeat")?.unwrap_or(0))?;
            handshake.frame_max = number("frame_max")?.map(narrow).transpose()?;
            handshake.channel_max = number("channel_max")?.map(narrow).transpose()?;
            if let Some(capabilities) = args.value("capabilities") {
                handshake.capabilities = capabilities.table()?;
            }
            if let Some(vhost) = args.value("virtual_host") {
                handshake.virtual_host = String::from_utf8_lossy(vhost.bytes()?).into_owned();
            }
            if let Some(user) = args.value("user") {
                handshake.user = String::from_utf8_lossy(user.bytes()?).into_owned();
            }
            if let Some(password) = args.value("password") {
                handshake.password = String::from_utf8_lossy(password.bytes()?).into_owned();
            }
            client.shake_hands(self.venue, &handshake, !args.is_set("manual"))?;
        }
        self.clients.insert(name.to_owned(), client);
        Ok(())
    }

    fn send(&mut self, side: &Side, what: &Sent) -> Result<(), String> {
        let Self { venue, clients, names } = self;
        let client = clients.get_mut(&side.client).ok_or("there is no such client")?;
        let number = side.channel.unwrap_or(1);
        match what {
            Sent::Greeting => client.put(&AMQP_0_9_1),
            Sent::Raw(octets) => client.put(octets),
            Sent::Heartbeat => client.put(&frame::HEARTBEAT),
            Sent::Frame(args) => {
                client.use_channel(*venue, number)?;
                client.put(&any_frame(number, args)?);
            }
            Sent::ContentHeader(args) => {
                client.use_channel(*venue, number)?;
                client.put(&content_header(number, args)?);
            }
            Sent::ContentBody(args) => {
                let body = args.body.as_ref().ok_or("a body is a text")?.bytes()?;
                let mut bytes = Vec::new();
                frame::write_with(&mut bytes, frame::Kind::Body, number, |out| out.extend(body));
                client.put(&bytes);
            }
            Sent::Close => {
                if let Some(client) = clients.remove(&side.client) {
                    client.close(*venue);
                }
            }
            Sent::Method(name, args) => {
                let number = side.channel.unwrap_or_else(|| default_channel(name));
                if name == "channel.open" {
                    client.opens_itself(number);
                } else {
                    client.use_channel(*venue, number)?;
                }
                put_method(*venue, client, number, name, args, names)?;
            }
        }
        Ok(())
    }

    fn expect(&mut self, side: &Side, expected: &Expected) -> Result<(), String> {
        let Self { venue, clients, names } = self;
        let client = clients.get_mut(&side.client).ok_or("this client has not connected")?;
        if *expected == Expected::Nothing {
            venue.settle(false);
            client.hear(*venue)?;
            return match client.first_left() {
                None => Ok(()),
                Some((channel, came)) => Err(format!("came, on channel {channel}: {came}")),
            };
        }
        let number = match expected {
            Expected::Method(name, _) => side.channel.unwrap_or_else(|| default_channel(name)),
            _ => side.channel.unwrap_or(0),
        };
        let Some(came) = client.await_next(*venue, number)? else {
            return Err(match client.first_left() {
                None => "nothing came".to_owned(),
                Some((other, came)) => {
                    format!("nothing came on channel {number}, but on {other}: {came}")
                }
            });
        };
        compare(expected, &came, names).map_err(|what| format!("came: {came}\n    {what}"))?;
        if *expected == Expected::Closed {
            clients.remove(&side.client);
        }
        Ok(())
    }
}

fn default_channel(method: &str) -> u16 {
    if method.starts_with("connection.") { 0 } else { 1 }
}

fn put_method(
    venue: &dyn Venue,
    client: &mut Client,
    number: u16,
    name: &str,
    args: &Args,
    names: &Names,
) -> Result<(), String> {
    let resolve = |(field, value): &(String, Value)| Ok((field.clone(), value.resolved(names)?));
    let pairs = args.pairs.iter().map(resolve).collect::<Result<Vec<_>, String>>()?;
    let mut method = fields::method(name).ok_or_else(|| format!("there is no method `{name}`"))?;
    let (mut own, others): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(field, _)| fields::has_field(&method, field));
    for (field, value) in &mut own {
        if field == "virtual_host" {
            let name = String::from_utf8_lossy(value.bytes()?);
            *value = Value::Text(venue.virtual_host(&name).into_bytes());
        }
    }
    for (field, value) in &own {
        fields::set(&mut method, field, value)?;
    }
    match (&method, &args.body) {
        (Method::BasicPublish(publish), Some(body)) => {
            let properties = fields::properties(&others)?;
            client.put_publish(number, publish, &properties, body.resolved(names)?.bytes()?);
        }
        _ => client.put_method(number, &method),
    }
    Ok(())
}

fn any_frame(number: u16, args: &Args) -> Result<Vec<u8>, String> {
    let payload = args.body.as_ref().map_or(Ok(&[][..]), Value::bytes)?;
    let size: u32 = narrow(args.number("size")?.unwrap_or(payload.len() as u64))?;
    let mut bytes = Vec::with_capacity(FRAME_HEAD_BYTES + payload.len() + 1);
    bytes.push(narrow(args.number("type")?.unwrap_or(1))?);
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes.push(args.number("end")?.map_or(Ok(frame::END), narrow)?);
    Ok(bytes)
}

fn content_header(number: u16, args: &Args) -> Result<Vec<u8>, String> {
    let is_property = |pair: &&(String, Value)| PROPERTIES.contains(&pair.0.as_str());
    let pairs: Vec<_> = args.pairs.iter().filter(is_property).cloned().collect();
    let properties = fields::properties(&pairs)?;
    let class_id: u16 = narrow(args.number("class_id")?.unwrap_or(60))?;
    let weight: u16 = narrow(args.number("weight")?.unwrap_or(0))?;
    let size = args.number("size")?.unwrap_or(0);
    let mut bytes = Vec::new();
    frame::write_with(&mut bytes, frame::Kind::Header, number, |out| {
        out.extend_from_slice(&class_id.to_be_bytes());
        out.extend_from_slice(&weight.to_be_bytes());
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&properties);
    });
    Ok(bytes)
}
