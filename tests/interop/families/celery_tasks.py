"""Tasks of `with_celery.py`, and the application that its workers run."""

import os
import time

import celery
import kombu
from celery.exceptions import Reject

DEAD_EXCHANGE = kombu.Exchange("interop-celery-dlx", "fanout")
QUEUES = {
    # What a task fails for good goes to the dead letters; what is urgent overtakes.
    "classic": kombu.Queue(
        "interop-celery",
        kombu.Exchange("interop-celery", "direct"),
        routing_key="interop-celery",
        queue_arguments={"x-max-priority": 10, "x-dead-letter-exchange": DEAD_EXCHANGE.name},
    ),
    # Celery sees from this argument that it may not change a prefetch while it runs, and that tasks for later must
    # wait in the broker: in queues that expire their messages into the next one.
    "quorum": kombu.Queue(
        "interop-celery-quorum",
        kombu.Exchange("interop-celery-topic", "topic"),
        routing_key="interop-celery-quorum",
        queue_arguments={"x-queue-type": "quorum"},
    ),
}
KIND = os.environ["INTEROP_KIND"]

app = celery.Celery("interop")
app.conf.update(
    broker_url=os.environ["INTEROP_URI"],
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=2,
    result_backend="rpc://",
    task_queues=[QUEUES[KIND]],
    task_default_queue=QUEUES[KIND].name,
    task_default_exchange=QUEUES[KIND].exchange.name,
    task_default_exchange_type=QUEUES[KIND].exchange.type,
    task_default_routing_key=QUEUES[KIND].routing_key,
    task_send_sent_event=True,
    worker_send_task_events=True,
    # On RabbitMQ 4 a task for later occupies its place until it is due.
    worker_prefetch_multiplier=2,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    # A program has one broker for itself, except where a RabbitMQ is asked.
    control_exchange="interop-celery-control",
    event_exchange="interop-celery-events",
)


def note(word):
    """A line that tells the program that a task got this far, even if no result follows."""
    with open(os.environ["INTEROP_NOTES"], "a") as notes:
        notes.write(f"{word}\n")


@app.task
def add(x, y):
    return x + y


@app.task
def when():
    return time.time()


@app.task
def remember(word):
    note(word)
    return word


@app.task(acks_late=True)
def sleep(word, time_s):
    note(word)
    time.sleep(time_s)
    return word


@app.task
def fail():
    raise ValueError("as asked")


@app.task(bind=True, autoretry_for=(ConnectionError,), retry_backoff=1, retry_jitter=False, max_retries=2)
def fail_twice(self):
    """Waits one second, then two."""
    note(time.time())
    if self.request.retries < 2:
        raise ConnectionError("as asked")
    return self.request.retries


@app.task(bind=True, max_retries=2, default_retry_delay=0.1)
def fail_for_good(self):
    raise self.retry(exc=ValueError("as asked"))


@app.task(bind=True, acks_late=True)
def hand_back_once(self):
    """Gives its message back to the broker, unless it has done that before."""
    note("run")
    if not self.request.delivery_info["redelivered"]:
        raise Reject("not yet", requeue=True)
    return "done"


@app.task(acks_late=True)
def refuse():
    raise Reject("never", requeue=False)
