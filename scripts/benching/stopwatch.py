"""Times complete commands: started by posix_spawn, waited for by waitpid, candidates in turn."""

import dataclasses
import os
import random
import statistics
import subprocess
import sys
import time


@dataclasses.dataclass
class Candidate:
    """A command to be timed, and what is to be known of it."""

    name: str
    command: list
    environment: dict
    version: str = ""
    # Where it prints a token: this one.
    prints: bytes = None
    # What it reads.
    stdin: str = os.devnull

    def prove(self):
        """Runs it once, as it will be timed, and looks at what it prints."""
        with open(self.stdin, "rb") as stdin:
            ended = subprocess.run(self.command, env=self.environment, stdin=stdin, capture_output=True, timeout=120)
        if ended.returncode != 0:
            said = ended.stderr.decode(errors="replace").strip()
            raise Unfit(f"it ended with {ended.returncode}: {said[-300:]}")
        if self.prints is not None and ended.stdout.strip() != self.prints:
            raise Unfit("it did not print the token")
        return ended.stdout.strip()


class Unfit(Exception):
    """Why a candidate cannot be measured here."""


@dataclasses.dataclass
class Figure:
    """What is told of many times: microseconds."""

    median: float
    p10: float
    p90: float

    @staticmethod
    def of(seconds):
        tenths = statistics.quantiles(seconds, n=10)
        return Figure(statistics.median(seconds) * 1e6, tenths[0] * 1e6, tenths[-1] * 1e6)

    def less(self, microseconds):
        return Figure(self.median - microseconds, self.p10 - microseconds, self.p90 - microseconds)

    def spread(self):
        return f"{number(self.p10)} – {number(self.p90)}"


def number(microseconds):
    """Three digits are as much as such a measurement knows."""
    return f"{microseconds:,.0f}" if abs(microseconds) >= 100 else f"{microseconds:.3g}"


def duration(microseconds):
    return f"{number(microseconds)} µs" if microseconds < 10_000 else f"{number(microseconds / 1000)} ms"


def in_turns(candidates, rounds):
    """Times every candidate once a round, each round in another order. Returns name -> Figure."""
    times = {candidate.name: [] for candidate in candidates}
    order = list(candidates)
    for _ in range(rounds):
        random.shuffle(order)
        for candidate in order:
            times[candidate.name].append(once(candidate))
    return {name: Figure.of(seconds) for name, seconds in times.items()}


def once(candidate):
    """Times one run, from before the start until its end is known."""
    began = time.perf_counter()
    pid = os.posix_spawn(candidate.command[0], candidate.command, candidate.environment, file_actions=silent(candidate.stdin))
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    if status:
        sys.exit(f"bench: {candidate.name}: a timed run ended with {os.waitstatus_to_exitcode(status)}")
    return took


def silent(stdin):
    """What a timed run writes is not read."""
    reads = (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0)
    return [reads] + [(os.POSIX_SPAWN_DUP2, null(), descriptor) for descriptor in (1, 2)]


def null(opened=[]):
    if not opened:
        opened.append(os.open(os.devnull, os.O_RDWR))
    return opened[0]
