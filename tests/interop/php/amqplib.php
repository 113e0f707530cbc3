<?php
// What every family does, with php-amqplib, which waits for one thing at a time. The lines that it writes are
// described in `clients.py`.

declare(strict_types=1);

require 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPBasicCancelException;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

const QUEUE = 'interop-php';
const DEAD_QUEUE = 'interop-php-dead';
const EXCHANGE = 'interop-php-dlx';
const WAIT_S_MAX = 20;

function connect(): AMQPStreamConnection
{
    $address = parse_url($_SERVER['argv'][1]);
    return new AMQPStreamConnection($address['host'], $address['port'], $address['user'], $address['pass']);
}

/** A check with a connection, a channel with confirms and an empty durable queue, that leaves nothing behind. */
function connected(callable $check): callable
{
    return function () use ($check): void {
        remove();
        try {
            $connection = connect();
            $channel = $connection->channel();
            $channel->confirm_select();
            declare_queue($channel, QUEUE);
            $check($connection, $channel);
        } finally {
            remove();
        }
    };
}

function remove(): void
{
    $connection = connect();
    $channel = $connection->channel();
    foreach ([QUEUE, DEAD_QUEUE] as $queue) {
        $channel->queue_delete($queue);
    }
    $channel->exchange_delete(EXCHANGE);
    $connection->close();
}

function declare_queue(AMQPChannel $channel, string $queue, array $arguments = []): int
{
    return $channel->queue_declare($queue, false, true, false, false, false, new AMQPTable($arguments))[1];
}

function publish(AMQPChannel $channel, string ...$bodies): void
{
    foreach ($bodies as $body) {
        $message = new AMQPMessage($body, ['delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT]);
        $channel->basic_publish($message, '', QUEUE);
    }
    $channel->wait_for_pending_acks(WAIT_S_MAX);
}

/** The next message, which a dead letter's way may delay. */
function get(AMQPChannel $channel, string $queue): AMQPMessage
{
    $deadline = microtime(true) + WAIT_S_MAX;
    while (microtime(true) < $deadline) {
        $message = $channel->basic_get($queue);
        if ($message !== null) {
            return $message;
        }
    }
    throw new Exception("nothing came from $queue");
}

function equal(mixed $found, mixed $expected): void
{
    if ($found !== $expected) {
        throw new Exception('expected ' . json_encode($expected) . "\n    found    " . json_encode($found));
    }
}

/** Serves the channel until as many were found, and shows that there are no more. */
function wait_for(AMQPChannel $channel, array &$found, int $count): void
{
    while (count($found) < $count) {
        $channel->wait(null, false, WAIT_S_MAX);
    }
    try {
        $channel->wait(null, false, 0.2);
    } catch (AMQPTimeoutException) {
    }
    equal(count($found), $count);
}

function restart(): void
{
    echo "? restart\n";
    equal(trim(fgets(STDIN)), 'done');
}

$checks = [
    ['connect', 'a connection without TLS opens, tells what the broker can do, and closes', function (): void {
        $connection = connect();
        $can = $connection->getServerProperties()['capabilities'][1];
        equal([(bool) $can['publisher_confirms'][1], (bool) $can['consumer_cancel_notify'][1]], [true, true]);
        $connection->close();
    }],
    ['confirm', 'all that is outstanding is confirmed', connected(function ($connection, $channel): void {
        $confirmed = 0;
        $channel->set_ack_handler(function () use (&$confirmed): void {
            $confirmed += 1;
        });
        publish($channel, ...array_map('strval', range(1, 200)));
        equal([$confirmed, declare_queue($channel, QUEUE)], [200, 200]);
    })],
    ['prefetch', 'no more than the prefetch is unacknowledged', connected(function ($connection, $channel): void {
        publish($channel, ...array_map('strval', range(0, 9)));
        $channel->basic_qos(0, 3, false);
        $found = [];
        $note = function (AMQPMessage $message) use (&$found): void {
            $found[] = $message;
        };
        $channel->basic_consume(QUEUE, '', false, false, false, false, $note);
        wait_for($channel, $found, 3);
        $found[1]->ack(true);
        wait_for($channel, $found, 5);
        equal(array_map(fn ($message) => $message->getBody(), $found), ['0', '1', '2', '3', '4']);
    })],
    ['requeue', 'a message that is rejected or nacked comes again', connected(function ($connection, $channel): void {
        publish($channel, 'one', 'two');
        get($channel, QUEUE)->reject(true);
        get($channel, QUEUE)->nack(true);
        foreach ([['one', true], ['two', false]] as $expected) {
            $message = get($channel, QUEUE);
            equal([$message->getBody(), $message->isRedelivered()], $expected);
        }
    })],
    ['dead-letter', 'a rejected message becomes a dead letter', connected(function ($connection, $channel): void {
        $channel->queue_delete(QUEUE);
        $channel->exchange_declare(EXCHANGE, 'fanout', false, true, false);
        declare_queue($channel, DEAD_QUEUE);
        $channel->queue_bind(DEAD_QUEUE, EXCHANGE);
        declare_queue($channel, QUEUE, ['x-dead-letter-exchange' => EXCHANGE]);
        publish($channel, 'poison');
        get($channel, QUEUE)->reject(false);
        $headers = get($channel, DEAD_QUEUE)->get('application_headers')->getNativeData();
        equal([$headers['x-first-death-queue'], $headers['x-first-death-reason']], [QUEUE, 'rejected']);
        equal([$headers['x-death'][0]['count'], $headers['x-death'][0]['routing-keys']], [1, [QUEUE]]);
    })],
    ['return', 'a mandatory message without a queue comes back', connected(function ($connection, $channel): void {
        $returned = [];
        $channel->set_return_listener(function ($code, $text, $exchange, $key) use (&$returned): void {
            $returned[] = [$code, $text, $exchange, $key];
        });
        $channel->basic_publish(new AMQPMessage('lost'), '', 'interop-php-nowhere', true);
        $channel->wait_for_pending_acks_returns(WAIT_S_MAX);
        equal($returned, [[312, 'NO_ROUTE', '', 'interop-php-nowhere']]);
    })],
    ['cancel', 'client and broker cancel a consumer', connected(function ($connection, $channel): void {
        $found = [];
        $note = function (AMQPMessage $message) use (&$found): void {
            $found[] = $message->getBody();
        };
        $channel->basic_cancel($channel->basic_consume(QUEUE, '', false, true, false, false, $note));
        publish($channel, 'nobody wants it');
        equal([declare_queue($channel, QUEUE), $found], [1, []]);
        $tag = $channel->basic_consume(QUEUE, '', false, true, false, false, $note);
        wait_for($channel, $found, 1);
        $other = connect();
        $other->channel()->queue_delete(QUEUE);
        $other->close();
        try {
            $channel->wait(null, false, WAIT_S_MAX);
            throw new Exception('the consumer was not cancelled');
        } catch (AMQPBasicCancelException $cancelled) {
            equal($cancelled->consumerTag, $tag);
        }
    })],
    ['errors', "an error closes its channel in RabbitMQ's words", connected(function ($connection, $channel): void {
        $refusals = [
            [404, "NOT_FOUND - no queue 'interop-php-none' in vhost '/'",
                fn ($own) => $own->queue_declare('interop-php-none', true)],
            [406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'interop-php' in vhost '/': "
                . "received 'false' but current is 'true'",
                fn ($own) => $own->queue_declare(QUEUE, false, false, false, false)],
        ];
        foreach ($refusals as [$code, $text, $action]) {
            try {
                $action($connection->channel());
                throw new Exception("no $code");
            } catch (AMQPProtocolChannelException $refused) {
                equal([$refused->amqp_reply_code, $refused->amqp_reply_text], [$code, $text]);
            }
        }
        publish($channel, 'on it goes');
        equal(get($channel, QUEUE)->getBody(), 'on it goes');
    })],
    ['reconnect', 'a lost connection connects again', connected(function ($connection, $channel): void {
        publish($channel, 'kept');
        restart();
        try {
            $channel->wait(null, false, WAIT_S_MAX);
        } catch (PhpAmqpLib\Exception\AMQPExceptionInterface) {
            $connection->reconnect();
        }
        equal(get($connection->channel(), QUEUE)->getBody(), 'kept');
    })],
];

$without = explode(',', getenv('INTEROP_WITHOUT') ?: '');
$failed = 0;
foreach ($checks as [$topic, $sentence, $check]) {
    if (in_array($topic, $without, true)) {
        echo "-- $topic $sentence: not asked for\n";
        continue;
    }
    try {
        $check();
        echo "ok $topic $sentence\n";
    } catch (Throwable $fault) {
        // Whatever a check dies of, the others still run.
        $failed += 1;
        $class = get_class($fault);
        echo "FAILED $topic $sentence\n    $class in line {$fault->getLine()}: {$fault->getMessage()}\n";
    }
}
exit($failed ? 1 : 0);
