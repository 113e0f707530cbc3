"""Reads what strace has written: calls of the system with the lines at which they began and ended.

    28256 1795234381.85 fdatasync(13</data/journal/0/01.log> <unfinished ...>      a call begins
    28256 1795234381.86 <... fdatasync resumed>) = 0                              and ends
    28253 1795234381.87 pwrite64(13</data/journal/0/01.log>, "...", 64, 0) = 64   both, with nothing between
    28253 1795234381.88 +++ killed by SIGABRT +++
"""

import ast
import dataclasses
import re

UNFINISHED = "<unfinished ...>"
RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
RESULT = re.compile(r"\s*(-?\d+)")


@dataclasses.dataclass(slots=True)
class Call:
    """One call. `began` and `ended` count lines; `result` is None if the process ended within it."""

    thread: int
    name: str
    arguments: str
    began: int
    at: float
    ended: int = 0
    result: int | None = None
    until: float = 0.0

    def path(self):
        """The file behind the descriptor that is the first argument."""
        return self.arguments[self.arguments.index("<") + 1 : self._descriptor_end()]

    def _descriptor_end(self):
        comma = self.arguments.find(">, ")
        return comma if comma >= 0 else self.arguments.rindex(">")

    def text(self):
        """The buffer that is the second argument, as strace writes it: escaped."""
        begin, end = self.arguments.index('"') + 1, self.arguments.rindex('"')
        assert not self.arguments.startswith("...", end + 1), "strace has cut a buffer"
        return self.arguments[begin:end]

    def data(self):
        """The buffer that is the second argument, in bytes."""
        return ast.literal_eval(f'b"{self.text()}"')


def lines_of(path):
    """The lines of a trace, one by one: a long trace is larger than it is useful to hold."""
    with open(path, encoding="latin-1", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n")


def calls(lines):
    """Every call, in the order in which they ended; those that never ended come last."""
    open_calls = {}
    for number, line in enumerate(lines):
        thread, _, rest = line.partition(" ")
        time, _, rest = rest.lstrip().partition(" ")
        if not rest or rest.startswith(("+++", "---")):
            continue
        resumed = RESUMED.match(rest) if rest.startswith("<...") else None
        if resumed:
            call = open_calls.pop(thread)
            call.arguments += rest[resumed.end() :]
        else:
            name, _, arguments = rest.partition("(")
            call = Call(int(thread), name, arguments, number, float(time))
        if rest.endswith(UNFINISHED):
            call.arguments = call.arguments.removesuffix(UNFINISHED)
            open_calls[thread] = call
            continue
        call.arguments, _, result = call.arguments.rpartition(" = ")
        call.arguments = call.arguments.rstrip().removesuffix(")")
        found = RESULT.match(result)
        call.result = int(found[1]) if found else None
        call.ended, call.until = number, float(time)
        yield call
    yield from open_calls.values()


def end_of(lines, pid):
    """When and how a process ended: (time, "killed by SIGABRT" or "exited with 1")."""
    for line in reversed(lines):
        words = line.split(maxsplit=2)
        if len(words) == 3 and words[0] == str(pid) and words[2].startswith("+++"):
            return float(words[1]), words[2].strip("+ ")
    raise AssertionError(f"the trace does not tell the end of process {pid}")
