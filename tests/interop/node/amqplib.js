'use strict';
// What every family does, with amqplib, and calls over the queue of direct replies.

const assert = require('node:assert/strict');
const amqp = require('amqplib');
const { check, pause, restart, run, waitFor } = require('./checks.js');

const QUEUE = 'interop-amqplib';
const DEAD_QUEUE = 'interop-amqplib-dead';
const EXCHANGE = 'interop-amqplib-dlx';

/** Runs `body` with a connection, a channel with confirms and an empty durable queue; leaves nothing behind. */
async function connected(uri, body) {
  const connection = await amqp.connect(uri);
  connection.on('error', () => {});
  try {
    const channel = await connection.createConfirmChannel();
    await remove(channel);
    await channel.assertQueue(QUEUE);
    await body(connection, channel);
  } finally {
    await connection.close().catch(() => {});
    const fresh = await amqp.connect(uri);
    await remove(await fresh.createChannel());
    await fresh.close();
  }
}

async function remove(channel) {
  for (const queue of [QUEUE, DEAD_QUEUE]) await channel.deleteQueue(queue);
  await channel.deleteExchange(EXCHANGE);
}

async function publish(channel, ...bodies) {
  for (const body of bodies) channel.sendToQueue(QUEUE, Buffer.from(body), { persistent: true });
  await channel.waitForConfirms();
}

const text = (message) => message.content.toString();

check('connect', 'a connection without TLS opens, names the broker, and closes in peace', async (uri) => {
  const connection = await amqp.connect(uri);
  const { capabilities } = connection.connection.serverProperties;
  assert.ok(capabilities.publisher_confirms && capabilities.consumer_cancel_notify);
  await connection.close();
});

check('confirm', 'publishes are confirmed one by one, and all that are outstanding can be waited for', async (uri) => {
  await connected(uri, async (_, channel) => {
    await new Promise((resolve, reject) => {
      channel.sendToQueue(QUEUE, Buffer.from('first'), {}, (fault) => (fault ? reject(fault) : resolve()));
    });
    assert.equal(text(await channel.get(QUEUE, { noAck: true })), 'first');
    await publish(channel, ...Array.from({ length: 500 }, (_, number) => `${number}`));
    assert.equal((await channel.checkQueue(QUEUE)).messageCount, 500);
  });
});

check('prefetch', 'no more than the prefetch is unacknowledged at once', async (uri) => {
  await connected(uri, async (_, channel) => {
    await publish(channel, ...'0123456789');
    const found = [];
    await channel.prefetch(3);
    await channel.consume(QUEUE, (message) => found.push(message));
    await waitFor(() => found.length === 3, 'three deliveries');
    await pause(200);
    assert.equal(found.length, 3);
    channel.ack(found[1], true);
    await waitFor(() => found.length === 5, 'two more');
    await pause(200);
    assert.deepEqual(found.map(text), [...'01234']);
  });
});

check('requeue', 'a message that is rejected or nacked comes again, in its place and marked', async (uri) => {
  await connected(uri, async (_, channel) => {
    await publish(channel, 'one', 'two');
    channel.reject(await channel.get(QUEUE), true);
    channel.nack(await channel.get(QUEUE), false, true);
    await channel.get(QUEUE);
    await channel.get(QUEUE);
    channel.nackAll(true);
    for (const body of ['one', 'two']) {
      const message = await channel.get(QUEUE);
      assert.deepEqual([text(message), message.fields.redelivered], [body, true]);
    }
  });
});

check('dead-letter', 'a rejected message goes to the dead-letter exchange and tells its story', async (uri) => {
  await connected(uri, async (_, channel) => {
    await channel.deleteQueue(QUEUE);
    await channel.assertExchange(EXCHANGE, 'topic');
    await channel.assertQueue(DEAD_QUEUE);
    await channel.bindQueue(DEAD_QUEUE, EXCHANGE, '*.poison');
    await channel.assertQueue(QUEUE, { deadLetterExchange: EXCHANGE, deadLetterRoutingKey: 'a.poison' });
    await publish(channel, 'poison');
    channel.reject(await channel.get(QUEUE), false);
    const found = [];
    await channel.consume(DEAD_QUEUE, (message) => found.push(message), { noAck: true });
    await waitFor(() => found.length, 'the dead letter');
    const { fields, properties } = found[0];
    assert.deepEqual([fields.exchange, fields.routingKey, text(found[0])], [EXCHANGE, 'a.poison', 'poison']);
    const deaths = properties.headers['x-death'];
    assert.equal(deaths.length, 1);
    const { time, ...death } = deaths[0];
    assert.equal(time['!'], 'timestamp');
    assert.deepEqual(
      { ...death },
      { count: 1, reason: 'rejected', queue: QUEUE, exchange: '', 'routing-keys': [QUEUE] },
    );
  });
});

check('return', 'a mandatory message without a queue is returned, before it is confirmed', async (uri) => {
  await connected(uri, async (_, channel) => {
    const returned = [];
    channel.on('return', (message) => returned.push(message));
    channel.publish('', 'interop-amqplib-nowhere', Buffer.from('lost'), { mandatory: true });
    await channel.waitForConfirms();
    const [{ fields, content }] = returned;
    assert.deepEqual([fields.replyCode, fields.replyText, `${content}`], [312, 'NO_ROUTE', 'lost']);
  });
});

check('cancel', 'a consumer is cancelled by its client, and gets null when the queue goes', async (uri) => {
  await connected(uri, async (connection, channel) => {
    const found = [];
    const { consumerTag } = await channel.consume(QUEUE, (message) => found.push(message), { noAck: true });
    await channel.cancel(consumerTag);
    await publish(channel, 'nobody wants it');
    assert.deepEqual([(await channel.checkQueue(QUEUE)).messageCount, found], [1, []]);
    await channel.consume(QUEUE, (message) => found.push(message), { noAck: true });
    await waitFor(() => found.length, 'the message');
    await (await connection.createChannel()).deleteQueue(QUEUE);
    await waitFor(() => found.length === 2, 'the cancellation');
    assert.equal(found[1], null);
  });
});

check('errors', "an error closes its channel in RabbitMQ's words, and the connection goes on", async (uri) => {
  await connected(uri, async (connection, channel) => {
    const refused = async (code, words, action) => {
      const own = await connection.createChannel();
      const heard = [];
      own.on('error', (fault) => heard.push(fault));
      await assert.rejects(action(own), (fault) => fault.code === code && fault.message.includes(words));
      await waitFor(() => heard.length, 'the event');
    };
    await refused(404, "NOT_FOUND - no queue 'interop-amqplib-none' in vhost '/'", (own) =>
      own.checkQueue('interop-amqplib-none'),
    );
    await refused(
      406,
      "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'interop-amqplib' in vhost '/': " +
        "received 'false' but current is 'true'",
      (own) => own.assertQueue(QUEUE, { durable: false }),
    );
    await refused(
      406,
      "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.topic' in vhost '/': " +
        "received 'direct' but current is 'topic'",
      (own) => own.assertExchange('amq.topic', 'direct'),
    );
    await publish(channel, 'on it goes');
    assert.equal(text(await channel.get(QUEUE, { noAck: true })), 'on it goes');
  });
});

check('reply-to', 'calls are answered over the queue of direct replies', async (uri) => {
  await connected(uri, async (connection, channel) => {
    const server = await connection.createChannel();
    await server.consume(
      QUEUE,
      (message) => {
        const { replyTo, correlationId } = message.properties;
        assert.match(replyTo, /^amq\.rabbitmq\.reply-to\./);
        server.publish('', replyTo, Buffer.from(text(message).toUpperCase()), { correlationId });
      },
      { noAck: true },
    );
    const answers = new Map();
    const client = await connection.createChannel();
    const note = (message) => answers.set(message.properties.correlationId, text(message));
    await client.consume('amq.rabbitmq.reply-to', note, { noAck: true });
    for (let number = 0; number < 20; number++) {
      const options = { replyTo: 'amq.rabbitmq.reply-to', correlationId: `${number}` };
      client.sendToQueue(QUEUE, Buffer.from(`call ${number}`), options);
    }
    await waitFor(() => answers.size === 20, 'the answers');
    assert.equal(answers.get('7'), 'CALL 7');
    assert.equal((await channel.checkQueue(QUEUE)).messageCount, 0);
  });
});

check('large', 'a body of many frames and headers of every type come back as they went', async (uri) => {
  await connected(uri, async (_, channel) => {
    const content = Buffer.alloc(1_500_000, 'leveret');
    const headers = { text: 'words', number: 1234567890123, real: 0.5, yes: true, list: [1, 'two'], inner: { a: 1 } };
    channel.sendToQueue(QUEUE, content, { headers, type: 't', appId: 'a', priority: 3, timestamp: 1_700_000_000 });
    await channel.waitForConfirms();
    const message = await channel.get(QUEUE, { noAck: true });
    assert.ok(message.content.equals(content));
    // Objects that amqplib decodes have no prototype of their own.
    assert.deepEqual(JSON.parse(JSON.stringify(message.properties.headers)), headers);
    assert.deepEqual([message.properties.type, message.properties.timestamp], ['t', 1_700_000_000]);
  });
});

check('reconnect', 'a connection that recovers sets its consumer up again', async (uri) => {
  await connected(uri, async (_, channel) => {
    await publish(channel, 'before');
    const found = [];
    let setups = 0;
    const setup = async (model) => {
      const own = await model.createConfirmChannel();
      own.on('error', () => {});
      await own.assertQueue(QUEUE);
      await own.consume(QUEUE, (message) => {
        if (!message) return;
        found.push(text(message));
        own.ack(message);
      });
      setups += 1;
    };
    const recovering = await amqp.connect(uri, { recovery: { initialDelay: 50, maxDelay: 500, setup } });
    recovering.on('error', () => {});
    await waitFor(() => found.includes('before'), 'the first message');
    await restart();
    await waitFor(() => setups === 2, 'the second setup');
    await publish(await recovering.createConfirmChannel(), 'after');
    await waitFor(() => found.includes('after'), 'the second message');
    await recovering.close();
  });
});

run();
