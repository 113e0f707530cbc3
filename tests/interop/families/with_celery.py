"""A Celery worker, its tasks, and what an application asks of it: retries, tasks for later, groups, control."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

from checks import check, died_first, equal, restart, run, wait_until

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = tempfile.TemporaryDirectory(prefix="leveret-celery-")
NOTES = pathlib.Path(FOLDER.name) / "notes"
os.environ.update(INTEROP_URI=sys.argv[1], INTEROP_NOTES=str(NOTES), INTEROP_KIND=(sys.argv[2:] or ["classic"])[0])

import celery  # noqa: E402
import kombu  # noqa: E402
import celery_tasks as tasks  # noqa: E402

GET_S_MAX = 20
DEAD_QUEUE = "interop-celery-dead"
# Where tasks for later wait if the broker keeps them: a queue for each power of two of the seconds to wait.
DELAYS = [f"celery_delayed_{level}" for level in range(28)]


class Worker:
    """A worker process with that many children, and a group of its own so that all of them can be killed."""

    def __init__(self, name, kind="classic", children=2):
        self.name = f"{name}@interop"
        self.log_path = pathlib.Path(FOLDER.name) / f"{name}.log"
        arguments = ["worker", "--hostname", self.name, "--concurrency", str(children), "--loglevel", "INFO"]
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                celery_command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=HERE,
                env={**os.environ, "INTEROP_KIND": kind},
                start_new_session=True,
            )

    def __enter__(self):
        try:
            wait_until(lambda: f"{self.name} ready." in self.log(), "a worker", self.is_alive)
        except AssertionError as fault:
            self.kill()
            raise AssertionError("\n    ".join([f"{fault}; its log:", *self.log().splitlines()[-30:]])) from None
        return self

    def __exit__(self, kind, *_):
        if kind and self.process.poll() is None:
            self.kill()
        self.stop()

    def is_alive(self):
        assert self.process.poll() is None, "the worker ended"
        time.sleep(0.05)

    def log(self):
        return self.log_path.read_text()

    def stop(self):
        """Ends it when its tasks are done, or at once if it has none."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(GET_S_MAX)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def celery_command(*arguments):
    return [sys.executable, "-m", "celery", "-A", "celery_tasks", *arguments]


def notes():
    """What tasks have noted since the check began."""
    return NOTES.read_text().splitlines()


def get(result):
    return result.get(timeout=GET_S_MAX)


def look():
    """How many messages wait in the queue, and how many consumers it has."""
    with tasks.app.connection_for_read() as connection:
        found = connection.default_channel.queue_declare(tasks.QUEUES["classic"].name, passive=True)
        return found.message_count, found.consumer_count


def depth():
    return look()[0]


def stop_consuming():
    """A worker answers that it will stop before it does."""
    tasks.app.control.cancel_consumer(tasks.QUEUES["classic"].name, reply=True, timeout=5, limit=1)
    wait_until(lambda: look()[1] == 0, "the consumer to go")


def consume_again():
    tasks.app.control.add_consumer(tasks.QUEUES["classic"].name, reply=True, timeout=5, limit=1)


def remove():
    with tasks.app.connection_for_write() as connection:
        channel = connection.default_channel
        for queue in [*(queue.name for queue in tasks.QUEUES.values()), DEAD_QUEUE, *DELAYS]:
            channel.queue_delete(queue)
        control = [f"{prefix}interop-celery-control.pidbox" for prefix in ("", "reply.")]
        owned = ["celery_delayed_delivery", "interop-celery-events", *control, tasks.DEAD_EXCHANGE.name, *DELAYS]
        for exchange in [*(queue.exchange.name for queue in tasks.QUEUES.values()), *owned]:
            channel.exchange_delete(exchange)


@check("connect", "a worker connects and answers a ping")
def connects(uri):
    equal(tasks.app.control.ping(timeout=5, limit=1), [{"one@interop": {"ok": "pong"}}])


@check("confirm", "tasks are confirmed when sent, and their results come back")
def confirms(uri):
    equal([get(result) for result in [tasks.add.delay(number, 1) for number in range(50)]], list(range(1, 51)))


@check("prefetch", "a worker that may fetch two tasks for each child leaves the others to the queue")
def prefetches(uri):
    results = [tasks.sleep.delay(f"sleep {number}", 0.7) for number in range(7)]
    wait_until(lambda: len(notes()) == 2, "two tasks")
    equal(depth(), 3)
    equal(sorted(get(result) for result in results), [f"sleep {number}" for number in range(7)])


@check("requeue", "a task that hands its message back runs again, and knows it")
def requeues(uri):
    equal(get(tasks.hand_back_once.delay()), "done")
    equal(notes(), ["run", "run"])


@check("dead-letter", "the message of a task that refuses it goes to the dead-letter exchange")
def dead_letters(uri):
    with tasks.app.connection_for_write() as connection:
        dead = kombu.Queue(DEAD_QUEUE, tasks.DEAD_EXCHANGE, channel=connection.default_channel)
        dead.declare()
        task = tasks.refuse.delay()
        found = []
        wait_until(lambda: found or found.extend(filter(None, [dead.get(no_ack=True)])), "the dead letter")
        equal(found[0].headers["id"], task.id)
        name = tasks.QUEUES["classic"].name
        equal([died_first(death) for death in found[0].headers["x-death"]], [(name, "rejected", 1, "", [name])])


@check("cancel", "a worker stops consuming from a queue and begins again when it is told")
def cancels(uri):
    stop_consuming()
    result = tasks.add.delay(1, 2)
    equal((depth(), result.ready()), (1, False))
    consume_again()
    equal(get(result), 3)


@check("errors", "an exception of a task reaches the caller, and the worker goes on")
def errors(uri):
    for task in (tasks.fail, tasks.fail_for_good):
        try:
            get(task.delay())
        except ValueError as fault:
            equal(str(fault), "as asked")
        else:
            raise AssertionError("no exception")
    equal(get(tasks.add.delay(2, 2)), 4)


@check("retries", "a task that fails is retried with growing pauses")
def retries(uri):
    equal(get(tasks.fail_twice.delay()), 2)
    times = [float(line) for line in notes()]
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]
    assert len(pauses) == 2 and pauses[0] >= 1 and pauses[1] >= 2, pauses


@check("eta", "a task for later runs at its time, not before, and may be revoked until then")
def later(uri):
    began = time.time()
    countdown = tasks.when.apply_async(countdown=2)
    revoked = tasks.remember.apply_async(("revoked",), countdown=1.5)
    revoked.revoke()
    soon = get(tasks.when.delay())
    ran = get(countdown)
    assert began <= soon <= ran, "a task for now waited for the one for later"
    assert began + 2 <= ran, f"{began + 2 - ran:.3f} s early"
    equal(notes(), [])


@check("groups", "groups and chains of tasks give their results in order")
def groups(uri):
    equal(get(celery.group(tasks.add.s(number, number) for number in range(20))()), list(range(0, 40, 2)))
    equal(get(celery.chain(tasks.add.s(1, 2), tasks.add.s(3), tasks.add.s(4))()), 10)


@check("priorities", "urgent tasks overtake")
def priorities(uri):
    stop_consuming()
    results = [tasks.sleep.apply_async((f"{urgency}", 0.05), priority=urgency) for urgency in (0, 3, 9, 3, 6, 9)]
    equal(depth(), 6)
    consume_again()
    for result in results:
        get(result)
    # The two children take turns.
    equal(sorted(notes()[:2]) + sorted(notes()[2:4]) + sorted(notes()[4:]), ["9", "9", "3", "6", "0", "3"])


@check("control", "`celery inspect ping` and `celery status` find the worker")
def controls(uri):
    for arguments in (("inspect", "ping", "--json"), ("inspect", "active_queues", "--json")):
        done = subprocess.run(
            celery_command(*arguments, "--timeout", "3"), cwd=HERE, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        equal(list(answer), ["one@interop"])
    equal(answer["one@interop"][0]["name"], tasks.QUEUES["classic"].name)


@check("events", "what becomes of a task is told to whoever listens")
def events(uri):
    heard, faults = [], []

    def listen():
        try:
            with tasks.app.connection_for_read() as connection:
                receiver = tasks.app.events.Receiver(connection, handlers={"*": heard.append})
                for _ in receiver.itercapture(limit=None, timeout=GET_S_MAX, wakeup=True):
                    pass
        except Exception as fault:
            faults.append(fault)

    threading.Thread(target=listen, daemon=True).start()
    # A listener that has come asks the worker to show itself.
    wait_until(lambda: heard or faults, "a first event")
    assert not faults, faults
    task = tasks.add.delay(1, 1)
    get(task)
    told = lambda: {event["type"] for event in heard if event.get("uuid") == task.id}
    wait_until(lambda: {"task-received", "task-started", "task-succeeded"} <= told(), "the events")


@check("acks-late", "a task whose worker is killed is done by another worker")
def kills(uri):
    stop_consuming()
    with Worker("two") as doomed:
        result = tasks.sleep.delay("slept", 2)
        wait_until(lambda: notes(), "the task")
        doomed.kill()
        consume_again()
        equal(get(result), "slept")
        equal(notes(), ["slept", "slept"])


@check("quorum", "on a quorum queue, tasks for later wait in the broker until they are due")
def quorum(uri):
    # Another queue is another configuration, and an application has one.
    with Worker("three", "quorum"):
        done = subprocess.run(
            [sys.executable, __file__, uri, "quorum"], capture_output=True, text=True, env=os.environ, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def ask_quorum_worker():
    began = time.time()
    results = [tasks.when.apply_async(countdown=countdown) for countdown in (0, 1, 2, 3)]
    for countdown, result in enumerate(results):
        ran = get(result)
        assert began + countdown <= ran < began + countdown + 3, f"{ran - began:.3f} s after a wish for {countdown} s"
    equal(get(tasks.hand_back_once.delay()), "done")


@check("reconnect", "a worker finds the broker again, and what was sent meanwhile is done")
def reconnects(uri):
    restart()
    retries = {"max_retries": 30, "interval_start": 0.2, "interval_step": 0}
    tasks.remember.apply_async(("after",), retry=True, retry_policy=retries, ignore_result=True)
    wait_until(lambda: notes() == ["after"], "the task")


if __name__ == "__main__":
    if tasks.KIND == "quorum":
        sys.exit(ask_quorum_worker())
    # A driver that has waited too long asks a program to end, and its worker must end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    remove()
    with Worker("one"):
        code = run(lambda: NOTES.write_text(""))
    remove()
    sys.exit(code)
