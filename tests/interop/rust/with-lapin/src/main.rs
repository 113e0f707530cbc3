//! What every client family does, with lapin, whose connections mend themselves.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use checks::{Outcome, Report, SILENCE, WAIT_TIME_MAX, equal, restart};
use futures_lite::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
    BasicPublishOptions, BasicQosOptions, BasicRejectOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, Error,
    ExchangeKind, message,
};

const QUEUE: &str = "interop-lapin";
const DEAD_QUEUE: &str = "interop-lapin-dead";
const EXCHANGE: &str = "interop-lapin-dlx";

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let uri = checks::uri().expect("an address");
    let mut report = Report::from_environment();
    let mut check = async |topic, sentence, run: fn(String) -> _| {
        report.check(topic, sentence, within(uri.clone(), run)).await;
    };
    check("connect", "a connection without TLS opens, and closes in peace", |uri| {
        Box::pin(connects(uri))
    })
    .await;
    check("confirm", "publishes are confirmed one by one and together", |uri| {
        Box::pin(confirms(uri))
    })
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
        "a mandatory message without a queue comes back with its confirmation",
        |uri| Box::pin(returns(uri)),
    )
    .await;
    check("cancel", "a consumer ends when its client says so, and when its queue goes", |uri| {
        Box::pin(cancels(uri))
    })
    .await;
    check(
        "errors",
        "an error closes its channel in RabbitMQ's words, and the connection goes on",
        |uri| Box::pin(errors(uri)),
    )
    .await;
    check(
        "reconnect",
        "a connection recovers with its channels, queues, prefetch and consumers",
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
    let channel = connection.create_channel().await?;
    for queue in [QUEUE, DEAD_QUEUE] {
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
    }
    channel.exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default()).await?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

async fn connect(uri: &str) -> Fallible<Connection> {
    Ok(Connection::connect(uri, ConnectionProperties::default()).await?)
}

/// A channel with confirms, and an empty durable queue.
async fn channel_of(connection: &Connection) -> Fallible<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    declare(&channel, QUEUE, FieldTable::default()).await?;
    Ok(channel)
}

async fn declare(channel: &Channel, queue: &str, arguments: FieldTable) -> Fallible<u32> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    Ok(channel.queue_declare(queue.into(), options, arguments).await?.message_count())
}

async fn publish(channel: &Channel, key: &str, body: &[u8]) -> Result<Confirmation, Error> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = BasicProperties::default().with_delivery_mode(2);
    channel.basic_publish("".into(), key.into(), options, body, properties).await?.await
}

async fn get(channel: &Channel, queue: &str) -> Fallible<message::Delivery> {
    let began = Instant::now();
    while began.elapsed() < WAIT_TIME_MAX {
        if let Some(found) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? {
            return Ok(found.delivery);
        }
    }
    Err(format!("nothing came from {queue}").into())
}

async fn consume(channel: &Channel, tag: &str) -> Fallible<Consumer> {
    let options = BasicConsumeOptions::default();
    Ok(channel.basic_consume(QUEUE.into(), tag.into(), options, FieldTable::default()).await?)
}

/// The next delivery, or none if the consumer has ended.
async fn next(consumer: &mut Consumer) -> Fallible<Option<message::Delivery>> {
    Ok(tokio::time::timeout(WAIT_TIME_MAX, consumer.next()).await?.transpose()?)
}

async fn is_silent(consumer: &mut Consumer) -> bool {
    tokio::time::timeout(SILENCE, consumer.next()).await.is_err()
}

async fn connects(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    assert!(connection.status().connected());
    connection.close(200, "done".into()).await?;
    equal(connection.status().connected(), false)
}

async fn confirms(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let channel = channel_of(&connection).await?;
    assert!(publish(&channel, QUEUE, b"first").await?.is_ack());
    for _ in 0..200 {
        let properties = BasicProperties::default();
        let options = BasicPublishOptions::default();
        let _ =
            channel.basic_publish("".into(), QUEUE.into(), options, b"more", properties).await?;
    }
    equal(channel.wait_for_confirms().await?.len(), 0)?;
    equal(declare(&channel, QUEUE, FieldTable::default()).await?, 201)
}

async fn prefetches(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let channel = channel_of(&connection).await?;
    channel.basic_qos(3, BasicQosOptions::default()).await?;
    for number in 0..10_u8 {
        publish(&channel, QUEUE, &[number]).await?;
    }
    let mut consumer = consume(&channel, "few").await?;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(next(&mut consumer).await?.ok_or("the consumer ended")?);
    }
    assert!(is_silent(&mut consumer).await, "a fourth message came");
    found[1].ack(BasicAckOptions { multiple: true }).await?;
    for _ in 0..2 {
        found.push(next(&mut consumer).await?.ok_or("the consumer ended")?);
    }
    assert!(is_silent(&mut consumer).await, "a sixth message came");
    equal(found.iter().map(|delivery| delivery.data[0]).collect(), vec![0, 1, 2, 3, 4])
}

async fn requeues(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let channel = channel_of(&connection).await?;
    publish(&channel, QUEUE, b"one").await?;
    publish(&channel, QUEUE, b"two").await?;
    get(&channel, QUEUE).await?.reject(BasicRejectOptions { requeue: true }).await?;
    get(&channel, QUEUE).await?.nack(BasicNackOptions { requeue: true, multiple: false }).await?;
    let first = get(&channel, QUEUE).await?;
    equal((first.redelivered, &first.data[..]), (true, b"one"))?;
    let second = get(&channel, QUEUE).await?;
    equal((second.redelivered, &second.data[..]), (false, b"two"))
}

async fn dead_letters(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare(EXCHANGE.into(), ExchangeKind::Fanout, options, FieldTable::default())
        .await?;
    declare(&channel, DEAD_QUEUE, FieldTable::default()).await?;
    let options = QueueBindOptions::default();
    channel
        .queue_bind(DEAD_QUEUE.into(), EXCHANGE.into(), "".into(), options, FieldTable::default())
        .await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(EXCHANGE.into()));
    declare(&channel, QUEUE, arguments).await?;
    publish(&channel, QUEUE, b"poison").await?;
    get(&channel, QUEUE).await?.reject(BasicRejectOptions { requeue: false }).await?;
    let dead = get(&channel, DEAD_QUEUE).await?;
    equal(
        (dead.exchange.as_str(), dead.routing_key.as_str(), &dead.data[..]),
        (EXCHANGE, QUEUE, &b"poison"[..]),
    )?;
    let headers = dead.properties.headers().as_ref().ok_or("no headers")?;
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else {
        return Err(format!("no x-death: {headers:?}").into());
    };
    let [AMQPValue::FieldTable(death)] = deaths.as_slice() else {
        return Err(format!("not one death: {deaths:?}").into());
    };
    let field = |name: &str| death.inner().get(name).cloned();
    equal(field("count"), Some(AMQPValue::LongLongInt(1)))?;
    equal(field("reason"), Some(AMQPValue::LongString("rejected".into())))?;
    equal(field("queue"), Some(AMQPValue::LongString(QUEUE.into())))?;
    assert!(matches!(field("time"), Some(AMQPValue::Timestamp(_))), "{death:?}");
    Ok(())
}

async fn returns(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let channel = channel_of(&connection).await?;
    let confirmation = publish(&channel, "interop-lapin-nowhere", b"lost").await?;
    assert!(confirmation.is_ack());
    let returned = confirmation.take_message().ok_or("nothing was returned")?;
    equal((returned.reply_code, returned.reply_text.as_str()), (312, "NO_ROUTE"))?;
    equal(&returned.delivery.data[..], b"lost")
}

async fn cancels(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let channel = channel_of(&connection).await?;
    let mut consumer = consume(&channel, "brief").await?;
    channel.basic_cancel("brief".into(), BasicCancelOptions::default()).await?;
    assert!(next(&mut consumer).await?.is_none());
    publish(&channel, QUEUE, b"nobody wants it").await?;
    equal(declare(&channel, QUEUE, FieldTable::default()).await?, 1)?;
    let mut consumer = consume(&channel, "longer").await?;
    let delivery = next(&mut consumer).await?.ok_or("the consumer ended")?;
    delivery.ack(BasicAckOptions::default()).await?;
    let other = connection.create_channel().await?;
    other.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await?;
    equal(next(&mut consumer).await?.is_none(), true)
}

async fn errors(uri: String) -> Outcome {
    let connection = connect(&uri).await?;
    let channel = channel_of(&connection).await?;
    let own = connection.create_channel().await?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let refused =
        own.queue_declare("interop-lapin-none".into(), passive, FieldTable::default()).await;
    assert_refused(refused, 404, "NOT_FOUND - no queue 'interop-lapin-none' in vhost '/'")?;
    let own = connection.create_channel().await?;
    let refused = own
        .queue_declare(QUEUE.into(), QueueDeclareOptions::default(), FieldTable::default())
        .await;
    let text = "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'interop-lapin' in vhost '/': \
                received 'false' but current is 'true'";
    assert_refused(refused, 406, text)?;
    publish(&channel, QUEUE, b"on it goes").await?;
    equal(&get(&channel, QUEUE).await?.data[..], b"on it goes")
}

fn assert_refused<T>(answer: Result<T, Error>, code: u16, text: &str) -> Outcome {
    let Err(refused) = answer else { return Err(format!("no {code}").into()) };
    let lapin::ErrorKind::ProtocolError(fault) = refused.kind() else { return Err(refused.into()) };
    equal((fault.kind().get_id(), fault.get_message().as_str()), (code, text))
}

async fn reconnects(uri: String) -> Outcome {
    let properties =
        ConnectionProperties::default().enable_auto_recover().configure_backoff(|backoff| {
            backoff.with_min_delay(Duration::from_millis(50)).with_max_times(50)
        });
    let connection = Connection::connect(&uri, properties).await?;
    let channel = channel_of(&connection).await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let mut consumer = consume(&channel, "lasting").await?;
    publish(&channel, QUEUE, b"before").await?;
    let delivery = next(&mut consumer).await?.ok_or("the consumer ended")?;
    equal(&delivery.data[..], b"before")?;
    delivery.ack(BasicAckOptions::default()).await?;
    restart().await?;
    let publisher = channel.clone();
    let published = tokio::spawn(async move {
        // A connection that is not noticed yet to be lost takes the message, and then tells.
        loop {
            match publish(&publisher, QUEUE, b"after").await {
                Ok(confirmation) => return Ok(confirmation.is_ack()),
                Err(fault) => publisher.wait_for_recovery(fault).await?,
            }
        }
    });
    let began = Instant::now();
    while began.elapsed() < WAIT_TIME_MAX {
        match tokio::time::timeout(WAIT_TIME_MAX, consumer.next()).await? {
            Some(Ok(delivery)) => {
                delivery.ack(BasicAckOptions::default()).await?;
                // An acknowledgement that the broker did not live to note brings a message again.
                if delivery.data == b"after" {
                    assert!(published.await?.map_err(|fault: Error| fault)?);
                    return Ok(());
                }
            }
            Some(Err(fault)) => channel.wait_for_recovery(fault).await?,
            None => return Err("the consumer ended".into()),
        }
    }
    Err("the message did not come".into())
}
