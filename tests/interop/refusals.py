"""The system refuses one call of one thread after the other, and the broker is to get over it."""

import itertools
import pathlib

import broker
import strace
import workloads
from workloads import SETTINGS, Done


class Case:
    """Calls of one thread are refused, one by one, in runs of the same work.

    `shortages` are pairs: an error, and how many calls in a row get it. With a `template`, which holds what `before`
    says, each run begins with a copy of that data directory. Of the calls, each `step`-th is the first to be refused.
    """

    def __init__(self, thread, call, work, shortages, template=None, before=None, step=1, may_refuse=False):
        self.thread, self.call, self.work, self.shortages = thread, call, work, shortages
        self.template, self.before, self.step, self.may_refuse = template, before, step, may_refuse

    def run(self, binary):
        """What is wrong."""
        faults = []
        for error, length in self.shortages:
            runs = 0
            for index in itertools.count(1, self.step):
                inject = f"{self.call}:error={error}:when={index}..{index + length - 1}"
                with broker.Leveret(binary, *SETTINGS) as under_test:
                    is_refused, found = self.attempt(under_test, inject)
                faults += [f"{self.thread}, {error} at {self.call} {index}: {fault}" for fault in found]
                if not is_refused:
                    break
                runs += 1
            first = "each call" if self.step == 1 else f"each {self.step}th call"
            print(f"{self.thread}: {length} x {error} from {first} of {self.call} on, {runs} runs", flush=True)
        return faults

    def attempt(self, under_test, inject):
        """Whether a call was refused, and what is wrong."""
        done = Done(set(self.before.confirmed)) if self.before else Done()
        if self.template:
            workloads.copy_sparsely(self.template, under_test.data_dir)
        output = pathlib.Path(under_test.folder.name) / "trace"
        under_test.start()
        numbers = strace.threads(under_test.pid, (self.thread, "shard-0", "read-0"))
        watched = {numbers[self.thread], numbers["shard-0"], numbers["read-0"]}
        attached = strace.Attached(output, watched, (self.call,), inject=inject)
        faults = []
        try:
            self.work(under_test, done)
            under_test.stop()
        except AssertionError as fault:
            faults.append(str(fault))
            under_test.kill()
        attached.wait()
        if done.unanswered or (done.refused and not self.may_refuse):
            faults.append(f"{done.unanswered} messages unanswered, {done.refused} refused")
        is_refused = "(INJECTED)" in output.read_text(encoding="latin-1")
        return is_refused, faults + workloads.lost_or_wrong(under_test, done)
