//! What every client family does, with amqprs, which tells of events by callbacks.

use std::process::ExitCode;
use std::time::Instant;

use amqprs::callbacks::{ChannelCallback, DefaultConnectionCallback};
use amqprs::channel::{
    BasicAckArguments, BasicCancelArguments, BasicConsumeArguments, BasicGetArguments,
    BasicNackArguments, BasicPublishArguments, BasicQosArguments, BasicRejectArguments, Channel,
    ConfirmSelectArguments, ConsumerMessage, ExchangeDeclareArguments, ExchangeDeleteArguments,
    QueueBindArguments, QueueDeclareArguments, QueueDeleteArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::{
    Ack, BasicProperties, Cancel, CloseChannel, DELIVERY_MODE_PERSISTENT, FieldTable, FieldValue,
    GetOk, Nack, Return,
};
use checks::{Outcome, Report, SILENCE, WAIT_TIME_MAX, equal, restart};
use tokio::sync::mpsc;

const QUEUE: &str = "interop-amqprs";
const DEAD_QUEUE: &str = "interop-amqprs-dead";
const EXCHANGE: &str = "interop-amqprs-dlx";

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
type Message = (GetOk, BasicProperties, Vec<u8>);

#[tokio::main]
async fn main() -> ExitCode {
    let uri = checks::uri().expect("an address");
    let mut report = Report::from_environment();
    let mut check = async |topic, sentence, run: fn(String) -> Running| {
        report.check(topic, sentence, within(uri.clone(), run)).await;
    };
    check(
        "connect",
        "a connection without TLS opens, tells what the broker can do, and closes",
        |uri| Box::pin(connects(uri)),
    )
    .await;
    check("confirm", "publishes are confirmed, and none is refused", |uri| Box::pin(confirms(uri)))
        .await;
    check("prefetch", "no more than the prefetch is unacknowledged at once", |uri| {
        Box::pin(prefetches(uri))
    })
    .await;
    check(
        "requeue",
        "a message that is rejected or nacked comes again, in its place and marked",
        |uri| Box::pin(requeues(uri)),
    )
    .await;
    check(
        "dead-letter",
        "a rejected message goes to the dead-letter exchange and tells its story",
        |uri| Box::pin(dead_letters(uri)),
    )
    .await;
    check(
        "return",
        "a mandatory message without a queue comes back before its confirmation",
        |uri| Box::pin(returns(uri)),
    )
    .await;
    check(
        "cancel",
        "a consumer is cancelled by its client, and by the broker when the queue goes",
        |uri| Box::pin(cancels(uri)),
    )
    .await;
    check(
        "errors",
        "an error closes its channel in RabbitMQ's words, and the connection goes on",
        |uri| Box::pin(errors(uri)),
    )
    .await;
    check(
        "reconnect",
        "a lost connection is noticed, and another one finds what was confirmed",
        |uri| Box::pin(reconnects(uri)),
    )
    .await;
    report.exit_code()
}

type Running = std::pin::Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Runs a check between two clean-ups.
async fn within(uri: String, run: fn(String) -> Running) -> Outcome {
    remove(&uri).await?;
    run(uri.clone()).await?;
    remove(&uri).await
}

async fn remove(uri: &str) -> Outcome {
    let connection = connect(uri).await?;
    let channel = connection.open_channel(None).await?;
    for queue in [QUEUE, DEAD_QUEUE] {
        channel.queue_delete(QueueDeleteArguments::new(queue)).await?;
    }
    channel.exchange_delete(ExchangeDeleteArguments::new(EXCHANGE)).await?;
    channel.close().await?;
    connection.close().await?;
    Ok(())
}

async fn connect(uri: &str) -> Fallible<Connection> {
    let arguments = OpenConnectionArguments::try_from(uri)?;
    let connection = Connection::open(&arguments).await?;
    connection.register_callback(DefaultConnectionCallback).await?;
    Ok(connection)
}

/// What the broker says without being asked.
#[derive(Debug)]
enum Event {
    Closed { code: u16, text: String },
    Cancelled { tag: String },
    Confirmed { tag: u64, is_multiple: bool },
    Refused,
    Returned { code: u16, text: String, body: Vec<u8> },
}

/// Hands events to the check that waits for them.
struct Listener(mpsc::UnboundedSender<Event>);

#[async_trait::async_trait]
impl ChannelCallback for Listener {
    async fn close(
        &mut self,
        _: &Channel,
        close: CloseChannel,
    ) -> Result<(), amqprs::error::Error> {
        let _ = self
            .0
            .send(Event::Closed { code: close.reply_code(), text: close.reply_text().clone() });
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, cancel: Cancel) -> Result<(), amqprs::error::Error> {
        let _ = self.0.send(Event::Cancelled { tag: cancel.consumer_tag().clone() });
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, amqprs::error::Error> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, ack: Ack) {
        let _ =
            self.0.send(Event::Confirmed { tag: ack.delivery_tag(), is_multiple: ack.mutiple() });
    }

    async fn publish_nack(&mut self, _: &Channel, _: Nack) {
        let _ = self.0.send(Event::Refused);
    }

    async fn publish_return(
        &mut self,
        _: &Channel,
        returned: Return,
        _: BasicProperties,
        body: Vec<u8>,
    ) {
        let (code, text) = (returned.reply_code(), returned.reply_text().clone());
        let _ = self.0.send(Event::Returned { code, text, body });
    }
}

/// A channel, what is heard of it, and how many messages it has published.
struct Line {
    channel: Channel,
    events: mpsc::UnboundedReceiver<Event>,
    published: u64,
}

impl Line {
    async fn open(connection: &Connection) -> Fallible<Self> {
        let channel = connection.open_channel(None).await?;
        let (sender, events) = mpsc::unbounded_channel();
        channel.register_callback(Listener(sender)).await?;
        Ok(Self { channel, events, published: 0 })
    }

    /// A line with confirms, and an empty durable queue.
    async fn with_queue(connection: &Connection) -> Fallible<Self> {
        let line = Self::open(connection).await?;
        line.channel.confirm_select(ConfirmSelectArguments::default()).await?;
        line.declare(QUEUE, FieldTable::new()).await?;
        Ok(line)
    }

    async fn declare(&self, queue: &str, arguments: FieldTable) -> Fallible<u32> {
        let asked =
            QueueDeclareArguments::durable_client_named(queue).arguments(arguments).finish();
        Ok(self.channel.queue_declare(asked).await?.ok_or("no answer")?.1)
    }

    async fn event(&mut self) -> Fallible<Event> {
        Ok(tokio::time::timeout(WAIT_TIME_MAX, self.events.recv())
            .await?
            .ok_or("the channel is gone")?)
    }

    async fn send(&mut self, key: &str, body: &[u8]) -> Outcome {
        let arguments = BasicPublishArguments::new("", key).mandatory(true).finish();
        let properties =
            BasicProperties::default().with_delivery_mode(DELIVERY_MODE_PERSISTENT).finish();
        self.channel.basic_publish(properties, body.to_vec(), arguments).await?;
        self.published += 1;
        Ok(())
    }

    /// Waits until all that was sent is confirmed.
    async fn confirm(&mut self) -> Outcome {
        let mut confirmed = 0;
        while confirmed < self.published {
            match self.event().await? {
                Event::Confirmed { tag, is_multiple: true } => confirmed = confirmed.max(tag),
                Event::Confirmed { .. } => confirmed += 1,
                other => return Err(format!("{other:?}").into()),
            }
        }
        self.published = 0;
        Ok(())
    }

    /// Publishes to the queue, one message after the other.
    async fn publish(&mut self, bodies: &[&[u8]]) -> Outcome {
        for body in bodies {
            self.send(QUEUE, body).await?;
            match self.event().await? {
                Event::Confirmed { .. } => self.published = 0,
                other => return Err(format!("{other:?}").into()),
            }
        }
        Ok(())
    }

    async fn get(&self, queue: &str) -> Fallible<Message> {
        let began = Instant::now();
        while began.elapsed() < WAIT_TIME_MAX {
            if let Some(found) = self.channel.basic_get(BasicGetArguments::new(queue)).await? {
                return Ok(found);
            }
        }
        Err(format!("nothing came from {queue}").into())
    }

    async fn consume(&self, tag: &str) -> Fallible<mpsc::UnboundedReceiver<ConsumerMessage>> {
        let arguments = BasicConsumeArguments::new(QUEUE, tag).manual_ack(true).finish();
        Ok(self.channel.basic_consume_rx(arguments).await?.1)
    }
}

/// The delivery tag and the body of the next delivery.
async fn next(
    deliveries: &mut mpsc::UnboundedReceiver<ConsumerMessage>,
) -> Fallible<(u64, Vec<u8>)> {
    let message = tokio::time::timeout(WAIT_TIME_MAX, deliveries.recv())
        .await?
        .ok_or("the consumer ended")?;
    let deliver = message.deliver.ok_or("no delivery")?;
    Ok((deliver.delivery_tag(), message.content.ok_or("no body")?))
}

async fn is_silent(deliveries: &mut mpsc::UnboundedReceiver<ConsumerMessage>) -> bool {
    tokio::time::timeout(SILENCE, deliveries.recv()).await.is_err()
}

async fn connects(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let can = connection.server_properties().capabilities();
    assert!(
        can.publisher_confirms()
            && can.consumer_cancel_notify()
            && can.basic_nack()
            && can.direct_reply_to()
    );
    connection.close().await?;
    Ok(())
}

async fn confirms(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let mut line = Line::with_queue(&connection).await?;
    for _ in 0..200 {
        line.send(QUEUE, b"one of many").await?;
    }
    line.confirm().await?;
    equal(line.declare(QUEUE, FieldTable::new()).await?, 200)
}

async fn prefetches(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let mut line = Line::with_queue(&connection).await?;
    line.channel.basic_qos(BasicQosArguments::new(0, 3, false)).await?;
    line.publish(&[b"0", b"1", b"2", b"3", b"4", b"5", b"6"]).await?;
    let mut deliveries = line.consume("few").await?;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(next(&mut deliveries).await?);
    }
    assert!(is_silent(&mut deliveries).await, "a fourth message came");
    line.channel.basic_ack(BasicAckArguments::new(found[1].0, true)).await?;
    for _ in 0..2 {
        found.push(next(&mut deliveries).await?);
    }
    assert!(is_silent(&mut deliveries).await, "a sixth message came");
    equal(found.iter().map(|(_, body)| body[0]).collect::<Vec<_>>(), b"01234".to_vec())
}

async fn requeues(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let mut line = Line::with_queue(&connection).await?;
    line.publish(&[b"one", b"two"]).await?;
    let (got, _, _) = line.get(QUEUE).await?;
    line.channel.basic_reject(BasicRejectArguments::new(got.delivery_tag(), true)).await?;
    let (got, _, _) = line.get(QUEUE).await?;
    line.channel.basic_nack(BasicNackArguments::new(got.delivery_tag(), false, true)).await?;
    let (got, _, body) = line.get(QUEUE).await?;
    equal((got.redelivered(), &body[..]), (true, b"one"))?;
    let (got, _, body) = line.get(QUEUE).await?;
    equal((got.redelivered(), &body[..]), (false, b"two"))
}

async fn dead_letters(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let mut line = Line::open(&connection).await?;
    line.channel.confirm_select(ConfirmSelectArguments::default()).await?;
    let exchange = ExchangeDeclareArguments::new(EXCHANGE, "fanout").durable(true).finish();
    line.channel.exchange_declare(exchange).await?;
    line.declare(DEAD_QUEUE, FieldTable::new()).await?;
    line.channel.queue_bind(QueueBindArguments::new(DEAD_QUEUE, EXCHANGE, "")).await?;
    let mut arguments = FieldTable::new();
    arguments.insert("x-dead-letter-exchange".try_into()?, FieldValue::S(EXCHANGE.try_into()?));
    line.declare(QUEUE, arguments).await?;
    line.publish(&[b"poison"]).await?;
    let (got, _, _) = line.get(QUEUE).await?;
    line.channel.basic_reject(BasicRejectArguments::new(got.delivery_tag(), false)).await?;
    let (got, properties, body) = line.get(DEAD_QUEUE).await?;
    equal(
        (got.exchange().as_str(), got.routing_key().as_str(), &body[..]),
        (EXCHANGE, QUEUE, &b"poison"[..]),
    )?;
    let headers = properties.headers().ok_or("no headers")?;
    let first = |name: &str| {
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(headers.get(&name.try_into()?).cloned())
    };
    equal(first("x-first-death-queue")?, Some(FieldValue::S(QUEUE.try_into()?)))?;
    equal(first("x-first-death-reason")?, Some(FieldValue::S("rejected".try_into()?)))?;
    let deaths = format!("{:?}", first("x-death")?.ok_or("no x-death")?);
    assert!(deaths.contains("rejected") && deaths.contains(QUEUE), "{deaths}");
    Ok(())
}

async fn returns(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let mut line = Line::with_queue(&connection).await?;
    line.send("interop-amqprs-nowhere", b"lost").await?;
    let Event::Returned { code, text, body } = line.event().await? else {
        return Err("not returned first".into());
    };
    equal((code, text.as_str(), &body[..]), (312, "NO_ROUTE", &b"lost"[..]))?;
    line.confirm().await
}

async fn cancels(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let mut line = Line::with_queue(&connection).await?;
    let mut deliveries = line.consume("brief").await?;
    line.channel.basic_cancel(BasicCancelArguments::new("brief")).await?;
    line.publish(&[b"nobody wants it"]).await?;
    equal(line.declare(QUEUE, FieldTable::new()).await?, 1)?;
    assert!(deliveries.try_recv().is_err());
    let mut deliveries = line.consume("longer").await?;
    next(&mut deliveries).await?;
    let other = connection.open_channel(None).await?;
    other.queue_delete(QueueDeleteArguments::new(QUEUE)).await?;
    let Event::Cancelled { tag } = line.event().await? else { return Err("not cancelled".into()) };
    equal(tag.as_str(), "longer")
}

async fn errors(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let mut line = Line::with_queue(&connection).await?;
    let passive = QueueDeclareArguments::new("interop-amqprs-none").passive(true).finish();
    refused(&connection, passive, 404, "NOT_FOUND - no queue 'interop-amqprs-none' in vhost '/'")
        .await?;
    let text = "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'interop-amqprs' in vhost '/': \
                received 'false' but current is 'true'";
    refused(&connection, QueueDeclareArguments::new(QUEUE), 406, text).await?;
    line.publish(&[b"on it goes"]).await?;
    equal(&line.get(QUEUE).await?.2[..], b"on it goes")
}

async fn refused(
    connection: &Connection,
    asked: QueueDeclareArguments,
    code: u16,
    text: &str,
) -> Outcome {
    let mut line = Line::open(connection).await?;
    assert!(line.channel.queue_declare(asked).await.is_err(), "no {code}");
    let Event::Closed { code: found, text: words } = line.event().await? else {
        return Err("not closed".into());
    };
    equal((found, words.as_str()), (code, text))
}

async fn reconnects(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let mut line = Line::with_queue(&connection).await?;
    line.publish(&[b"kept"]).await?;
    // The library tells this to those that listen already.
    let listening = connection.clone();
    let lost = tokio::spawn(async move { listening.listen_network_io_failure().await });
    tokio::task::yield_now().await;
    restart().await?;
    equal(tokio::time::timeout(WAIT_TIME_MAX, lost).await??, true)?;
    let connection = connect(&uri).await?;
    let line = Line::with_queue(&connection).await?;
    equal(&line.get(QUEUE).await?.2[..], b"kept")
}
