"""The storm: what is started, what is done to it, and what must hold of each process and of what they leave."""

import collections
import random
import signal
import subprocess
import threading
import time

from faulting import holding
from faulting.issuer import Issuer, secret
from faulting.place import LATER, Place, Program, end, finish

PROFILES = {"p": ("client-a", "a"), "q": ("client-b", "b c"), "r": ("client-c", "")}
# How often each is started; changes are rarer than gets, as they wait for one lock.
MIX = (["get"] * 40 + ["refresh"] * 10 + ["set", "set"] + ["rotate"] * 4 + ["rekey"] * 2 + ["move"] * 2 + ["forget"] * 3
       + ["revoke"] * 2 + ["fix"])
LIMIT = 90


class Storm:
    def __init__(self, options):
        self.random, self.options = random.Random(options.seed), options
        self.issuer = Issuer(latency=0.02)
        self.place = Place(Program(options.binary), self.issuer, bare=True)
        self.place.must("init", "--backend", "file")
        self.lock, self.setting_lock = threading.Lock(), {name: threading.Lock() for name in PROFILES}
        # The generation that the last successful set committed; a set that was killed leaves `unsure` ones as well.
        self.committed, self.next = dict.fromkeys(PROFILES, 1), dict.fromkeys(PROFILES, 1)
        self.counts, self.wrong = collections.Counter(), []
        for name in PROFILES:
            self.place.must(*self.setting(name, 1)[0], stdin=self.setting(name, 1)[1])

    def setting(self, name, generation):
        client, scope = PROFILES[name]
        more = ["--revocation-url", f"{self.issuer.url}/revoke", *(["--scope", scope] if scope else [])]
        return self.place.setting(generation, profile=name, client=client, more=more)

    def fail(self, kind, what):
        with self.lock:
            self.counts[f"WRONG {kind}"] += 1
            if self.counts[f"WRONG {kind}"] <= 4:
                self.wrong.append(f"{kind}: {what}")

    def choose(self):
        with self.lock:
            return (self.random.choice(MIX), self.random.choice(list(PROFILES)), self.random.random(), self.random.random(),
                    self.random.choice(("+1h", "-1h", "+3d", "-2d")), self.random.choice(("key", "key2")))

    def one(self):
        kind, name, fate, moment, jump, key = self.choose()
        if kind in ("set", "rotate"):
            with self.setting_lock[name]:
                return self.set(kind, name, fate, moment)
        arguments = {
            "get": ["token", "get", "-p", name],
            "refresh": ["token", "get", "-p", name, "--refresh"],
            "rekey": ["rekey"],
            "move": ["init", "--backend", "file", "--move", "--key-file", self.place.config / key],
            "forget": ["token", "forget", "-p", name],
            "revoke": ["token", "revoke", "-p", name],
            "fix": self.place.program.fix,
        }[kind]
        under = ["faketime", "-f", jump] if kind in ("get", "refresh") and fate > 0.9 else []
        since = self.committed[name]
        killed, ended = self.live(self.place.start(*arguments, under=under), fate, moment)
        if killed:
            return
        if kind in ("get", "refresh"):
            self.judge(kind, name, since, ended, arguments, under)
        elif ended.code == 2 and kind in ("rekey", "move") and "no profile here names; nothing was changed" in ended.err:
            # A set that was killed left a secret that no profile names: doctor --fix, which runs here too, erases it.
            self.counts["rekeys and moves that a killed set held up"] += 1
        elif ended.code == 3 and kind == "revoke" and "nothing was revoked" in ended.err:
            # The credential that it began with is gone, and with it the token.
            self.counts["revokes that a rotation held up"] += 1
        elif ended.code != 0:
            self.fail(f"{kind} failed", ended)

    def live(self, process, fate, moment):
        """Some are killed, some stopped for a while; returns whether it was killed, and how it ended."""
        if fate < 0.08:
            time.sleep(moment * 0.08)
            end(process)
        elif fate < 0.14:
            time.sleep(moment * 0.05)
            end(process, signal.SIGSTOP)
            time.sleep(moment)
            end(process, signal.SIGCONT)
        ended = finish(process, LIMIT)
        killed = fate < 0.08 and ended.code == 137
        with self.lock:
            self.counts["processes"] += 1
            self.counts["killed"] += killed
            self.counts["stopped"] += 0.08 <= fate < 0.14
        return killed, ended

    def set(self, kind, name, fate, moment):
        generation = self.next[name] + (kind == "rotate")
        arguments, stdin = self.setting(name, generation)
        killed, ended = self.live(self.place.start(*arguments, stdin=stdin), fate, moment)
        # Also of one that was killed: the next has to differ from what may have been stored.
        self.next[name] = generation
        if ended.code == 0:
            self.committed[name] = generation
            self.counts["rotations"] += kind == "rotate"
        elif not killed:
            self.fail(f"{kind} failed", ended)

    def judge(self, kind, name, since, ended, arguments, under):
        client, scope = PROFILES[name]
        if under and "faketime: sem_open: File exists" in ended.err:
            # Its semaphore has its process number, and one of an earlier process of that number is left: it started nothing.
            self.counts["gets that faketime did not start"] += 1
            return None
        if ended.code != 0:
            return self.fail(f"{kind} failed", f"{' '.join([*under, *arguments])}: {ended}")
        parts = ended.out.strip().split(".")
        if len(parts) != 6 or parts[1] != client or parts[2] != (scope.replace(" ", "+") or "-"):
            return self.fail("token of another", f"-p {name}: {ended.out.strip()}")
        if int(parts[3]) < since:
            return self.fail("token of a retired secret", f"-p {name}: of generation {parts[3]}, after {since} was committed")
        self.counts[f"{kind}s right"] += 1

    def afterwards(self):
        self.issuer.latency = 0
        for name in PROFILES:
            ended = self.place.run("token", "get", "-p", name, "--refresh")
            if ended.code != 0:
                self.fail("credential lost", f"-p {name}: {ended}")
            elif not self.committed[name] <= int(ended.out.split(".")[3]) <= self.next[name]:
                self.fail("credential of another generation", f"-p {name}: {ended.out.strip()}, {self.committed[name]} committed")
        if (ended := self.place.fix()).code != 0:
            self.fail("doctor", ended)
        for name in PROFILES:
            if (ended := self.place.run("token", "get", "-p", name)).code != 0:
                self.fail("credential lost", f"-p {name}: {ended}")
        if list(holding.left_over(self.place, secrets=len(PROFILES), tokens=len(PROFILES))):
            self.place.fix(under=LATER)
        for what in holding.left_over(self.place, secrets=len(PROFILES), tokens=len(PROFILES)):
            self.fail("left over", what)
        for what in holding.open_modes(self.place):
            self.fail("open modes", what)
        for what in holding.leaks(self.place, []):
            self.fail("leaked", what)


def run(options):
    storm, until = Storm(options), time.monotonic() + options.seconds
    # An older secret's digits are searched for as well.
    holding.CANARIES.extend(secret(number) for number in range(4, 8))

    def work():
        while time.monotonic() < until:
            storm.one()

    workers = [threading.Thread(target=guarded, args=(storm, work)) for _ in range(options.size)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    storm.afterwards()
    print(", ".join(f"{name} {count}" for name, count in sorted(storm.counts.items())) + f", requests {storm.issuer.count}")
    for what in storm.wrong:
        print(f"    {what}")
    storm.issuer.__exit__()
    subprocess.run(["rm", "-rf", str(storm.place.root)], check=False)
    return sum(count for name, count in storm.counts.items() if name.startswith("WRONG"))


def guarded(storm, work):
    try:
        work()
    except Exception as error:
        storm.fail("the harness itself", repr(error))
