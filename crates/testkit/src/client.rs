//! A client that speaks AMQP 0-9-1 and remembers what it hears.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use wire_amqp091::content::{self, Content as Outgoing};
use wire_amqp091::limits::payload_max;
use wire_amqp091::method::{Encode, Method, basic, channel, connection};
use wire_amqp091::protocol_header::AMQP_0_9_1;
use wire_amqp091::{ContentHeader, Frame, Kind, Table, frame};

use crate::received::{Content, Received};
use crate::venue::{SocketId, Venue};

/// What a client says in its handshake.
#[derive(Clone)]
pub(crate) struct Handshake {
    pub(crate) capabilities: Table,
    pub(crate) heartbeat_s: u16,
    /// `None` takes what the server proposes.
    pub(crate) frame_max: Option<u32>,
    pub(crate) channel_max: Option<u16>,
    pub(crate) virtual_host: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Default for Handshake {
    fn default() -> Self {
        let names = [
            "authentication_failure_close",
            "basic.nack",
            "connection.blocked",
            "consumer_cancel_notify",
            "exchange_exchange_bindings",
            "publisher_confirms",
        ];
        Self {
            capabilities: names.iter().map(|&name| (name, true)).collect(),
            heartbeat_s: 0,
            frame_max: None,
            channel_max: None,
            virtual_host: "/".to_owned(),
            user: "guest".to_owned(),
            password: "guest".to_owned(),
        }
    }
}

/// A message whose method has come, and of its content a part.
#[derive(Debug, Default)]
struct Partial {
    payload: Vec<u8>,
    body_len: Option<u64>,
    content: Content,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    socket: SocketId,
    frame_max: u32,
    /// Whether it opens channels by itself.
    opens_channels: bool,
    opened: BTreeSet<u16>,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    has_heard: bool,
    partial: BTreeMap<u16, Partial>,
    received: BTreeMap<u16, VecDeque<Received>>,
    is_closed: bool,
    /// Whether the server has told or agreed to the end of the connection. Who closes the socket then is left open.
    has_parted: bool,
}

impl Client {
    /// A client that has connected and said nothing.
    ///
    /// # Errors
    /// What is in the way of a connection.
    pub fn connect(venue: &mut dyn Venue, is_loopback: bool) -> Result<Self, String> {
        Ok(Self {
            socket: venue.connect(is_loopback)?,
            frame_max: wire_amqp091::limits::FRAME_MAX_INITIAL,
            opens_channels: false,
            opened: BTreeSet::new(),
            outgoing: Vec::new(),
            incoming: Vec::new(),
            has_heard: false,
            partial: BTreeMap::new(),
            received: BTreeMap::new(),
            is_closed: false,
            has_parted: false,
        })
    }

    /// A client that has logged in as guest and opens channels when it first uses them.
    ///
    /// # Errors
    /// What came instead of what belongs into a handshake.
    pub fn open(venue: &mut dyn Venue) -> Result<Self, String> {
        let mut client = Self::connect(venue, true)?;
        client.shake_hands(venue, &Handshake::default(), true)?;
        Ok(client)
    }

    pub(crate) fn shake_hands(
        &mut self,
        venue: &mut dyn Venue,
        handshake: &Handshake,
        opens_channels: bool,
    ) -> Result<(), String> {
        self.put(&AMQP_0_9_1);
        self.speak(venue, true)?;
        self.expect(venue, 0, "connection.start")?;
        let properties = Table::new().with("capabilities", handshake.capabilities.clone());
        let response = format!("\0{}\0{}", handshake.user, handshake.password);
        let start_ok = connection::StartOk {
            client_properties: properties,
            mechanism: "PLAIN",
            response: response.as_bytes(),
            locale: "en_US",
        };
        self.put_method(0, &start_ok);
        self.speak(venue, true)?;
        let tune = self.expect(venue, 0, "connection.tune")?;
        let Some(Method::ConnectionTune(tune)) = tune.method() else { return Ok(()) };
        let frame_max = handshake.frame_max.unwrap_or(tune.frame_max);
        let channel_max = handshake.channel_max.unwrap_or(tune.channel_max);
        let heartbeat = handshake.heartbeat_s;
        self.put_method(0, &connection::TuneOk { channel_max, frame_max, heartbeat });
        let virtual_host = venue.virtual_host(&handshake.virtual_host);
        let virtual_host = virtual_host.as_str();
        self.put_method(0, &connection::Open { virtual_host, ..Default::default() });
        self.speak(venue, true)?;
        self.expect(venue, 0, "connection.open-ok")?;
        self.frame_max = frame_max;
        self.opens_channels = opens_channels;
        Ok(())
    }

    /// Opens a channel, unless that has been done or is left to the caller.
    ///
    /// # Errors
    /// What came instead of `channel.open-ok`.
    pub fn use_channel(&mut self, venue: &mut dyn Venue, number: u16) -> Result<(), String> {
        if self.opens_channels && number != 0 && self.opened.insert(number) {
            self.put_method(number, &channel::Open::default());
            self.speak(venue, true)?;
            self.expect(venue, number, "channel.open-ok")?;
        }
        Ok(())
    }

    /// From here on the channel is the caller's to open.
    pub(crate) fn opens_itself(&mut self, number: u16) {
        self.opened.insert(number);
    }

    /// Puts bytes behind what is to be sent.
    pub fn put(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
    }

    /// Puts a method behind what is to be sent.
    pub fn put_method(&mut self, number: u16, method: &impl Encode) {
        frame::write_method(&mut self.outgoing, number, method);
    }

    /// Puts a message behind what is to be sent, in frames that the node takes.
    pub fn put_publish(
        &mut self,
        number: u16,
        publish: &basic::Publish<'_>,
        properties: &[u8],
        body: &[u8],
    ) {
        let content = Outgoing { properties, body };
        content::write_publish(&mut self.outgoing, number, publish, &content, self.frame_max);
    }

    /// Sends what was put.
    pub fn send(&mut self, venue: &mut dyn Venue) {
        venue.send(self.socket, &std::mem::take(&mut self.outgoing));
    }

    /// Sends what was put, lets the node come to rest, and hears what it says. If the caller goes on to wait for an
    /// answer, `is_answered` says so.
    ///
    /// # Errors
    /// When what it says is not AMQP 0-9-1.
    pub fn speak(&mut self, venue: &mut dyn Venue, is_answered: bool) -> Result<(), String> {
        self.send(venue);
        venue.settle(is_answered);
        self.hear(venue)
    }

    /// Takes in what the node has said.
    ///
    /// # Errors
    /// When that is not AMQP 0-9-1.
    pub fn hear(&mut self, venue: &mut dyn Venue) -> Result<(), String> {
        self.incoming.extend(venue.take_output(self.socket));
        if !self.has_heard
            && let Some(header) = self.incoming.first_chunk::<8>()
        {
            self.has_heard = true;
            if header.starts_with(b"AMQP") {
                let header = Received::Header(*header);
                self.received.entry(0).or_default().push_back(header);
                self.incoming.drain(..8);
            }
        }
        let bytes = std::mem::take(&mut self.incoming);
        let mut rest = bytes.as_slice();
        while let Some((frame, len)) =
            frame::parse(rest, payload_max(self.frame_max)).map_err(|m| m.to_string())?
        {
            self.take(venue, &frame)?;
            rest = &rest[len..];
        }
        self.incoming = rest.to_vec();
        if !self.is_closed && !venue.is_open(self.socket) {
            self.is_closed = true;
            if !self.incoming.is_empty() {
                return Err(format!("the last frame is cut: {:02x?}", self.incoming));
            }
            self.received.entry(0).or_default().push_back(Received::Closed);
        }
        Ok(())
    }

    /// The next thing that came on a channel; 0 is the connection itself.
    pub fn next(&mut self, number: u16) -> Option<Received> {
        self.received.get_mut(&number)?.pop_front()
    }

    /// The next thing on a channel, waiting for it if it has not come.
    ///
    /// # Errors
    /// When what comes is not AMQP 0-9-1.
    pub fn await_next(
        &mut self,
        venue: &mut dyn Venue,
        number: u16,
    ) -> Result<Option<Received>, String> {
        for attempt in 0.. {
            self.hear(venue)?;
            let next = self.next(number);
            if next.is_some() || !venue.wait(attempt) {
                return Ok(next);
            }
        }
        Ok(None)
    }

    /// The first thing that came and was not taken, with its channel.
    pub fn first_left(&self) -> Option<(u16, &Received)> {
        let came = self.received.iter();
        let mut came =
            came.flat_map(|(&number, queue)| queue.iter().map(move |came| (number, came)));
        came.find(|(_, came)| !(self.has_parted && **came == Received::Closed))
    }

    /// Its end of the connection, for those who speak for it from here on.
    pub const fn socket(&self) -> SocketId {
        self.socket
    }

    /// Closes the socket.
    pub fn close(self, venue: &mut dyn Venue) {
        venue.close(self.socket);
    }

    fn expect(
        &mut self,
        venue: &mut dyn Venue,
        number: u16,
        name: &str,
    ) -> Result<Received, String> {
        match self.await_next(venue, number)? {
            Some(came) if came.method().is_some_and(|method| method.name() == name) => Ok(came),
            Some(other) => Err(format!("instead of {name} came {other}")),
            None => Err(format!("{name} did not come")),
        }
    }

    fn take(&mut self, venue: &dyn Venue, frame: &Frame<'_>) -> Result<(), String> {
        let number = frame.channel;
        match frame.kind {
            Kind::Heartbeat => {
                self.received.entry(number).or_default().push_back(Received::Heartbeat);
                return Ok(());
            }
            Kind::Method => {
                let method = Method::decode(frame.payload).map_err(|m| m.to_string())?;
                self.has_parted |=
                    matches!(method, Method::ConnectionClose(_) | Method::ConnectionCloseOk(_));
                let mut payload = frame.payload.to_vec();
                venue.translate(&mut payload);
                if self.partial.contains_key(&number) {
                    return Err(format!("{} within a message", method.name()));
                }
                if !method.carries_content() {
                    let received = Received::Method { payload, content: None };
                    self.received.entry(number).or_default().push_back(received);
                    return Ok(());
                }
                self.partial.insert(number, Partial { payload, ..Partial::default() });
            }
            Kind::Header => {
                let header = ContentHeader::decode(frame.payload).map_err(|m| m.to_string())?;
                let partial = self.partial.get_mut(&number).ok_or("a header without a method")?;
                partial.body_len = Some(header.body_len);
                partial.content.properties = header.properties.to_vec();
            }
            Kind::Body => {
                let partial = self.partial.get_mut(&number).ok_or("a body without a method")?;
                partial.content.body.extend_from_slice(frame.payload);
                partial.content.body_frames += 1;
            }
        }
        self.finish(number)
    }

    /// Takes a message that is whole.
    fn finish(&mut self, number: u16) -> Result<(), String> {
        let Some(partial) = self.partial.get(&number) else { return Ok(()) };
        let len = partial.content.body.len() as u64;
        match partial.body_len {
            Some(body_len) if len > body_len => Err("a body is longer than its header says".into()),
            Some(body_len) if len == body_len => {
                let Partial { payload, content, .. } =
                    self.partial.remove(&number).unwrap_or_default();
                let received = Received::Method { payload, content: Some(content) };
                self.received.entry(number).or_default().push_back(received);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
