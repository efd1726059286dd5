"""What one client is tried at: a home of its own, an issuer, servers, and what was found."""

import contextlib
import pathlib
import subprocess
import sys
import threading
import time

from clienting.certificate import Certificate
from clienting.issuer import CLIENT, Issuer
from clienting.row import Failed
from clienting.server import Foreign, Guarded

CALLS, SLOW_CALLS = 100, 20
# The names by which clients start tokenkeep.
PROGRAMS = (
    "tokenkeep", "git-credential-tokenkeep", "docker-credential-tokenkeep", "cargo-credential-tokenkeep",
    "tokenkeep-bazel", "tokenkeep-npm", "terraform-credentials-tokenkeep", "tokenkeep-kubelet",
)


class Desk:
    """Everything that it starts ends with it, the last first. `calls` is at most how many calls are made."""

    def __init__(self, bench, folder, calls=CALLS):
        self.bench, self.folder, self.most_calls = bench, pathlib.Path(folder), calls
        self.version, self.facts, self.kept_in_clear = "", [], set()
        self.closing = contextlib.ExitStack()
        self.servers = []
        self.issuer = self.started(Issuer())
        self.certificate = Certificate(self.folder / "certificate")
        self.home, self.bin = self.folder / "home", self.folder / "bin"
        for made in (self.home, self.bin):
            made.mkdir()
        for name in PROGRAMS:
            (self.bin / name).symlink_to(bench.program)
        self.environment = {
            "HOME": str(self.home),
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "TOKENKEEP_CONFIG_DIR": str(self.folder / "config"),
            "TOKENKEEP_DATA_DIR": str(self.folder / "data"),
        }

    def __enter__(self):
        return self

    def __exit__(self, *why):
        return self.closing.__exit__(*why)

    def started(self, server):
        self.closing.callback(server.stop)
        self.servers.append(server)
        return server

    def guarded(self, answer, **how):
        return self.started(Guarded(self.issuer, self.certificate, answer, **how))

    def foreign(self, **how):
        return self.started(Foreign(self.certificate, **how))

    def profile(self, *entries, name="x"):
        """Sets up a profile for these entries of the host map: hosts, or tables as they stand in a profile."""
        self.run(["tokenkeep", "init", "--backend", "file"])
        arguments = ["--client-id", CLIENT, "--token-url", self.issuer.token_url, "--secret-stdin"]
        self.run(["tokenkeep", "credentials", "set", "-p", name, *arguments], stdin=self.issuer.secret)
        if entries:
            path = self.folder / "config/profiles" / f"{name}.toml"
            entries = [entry if entry.startswith("{") else f'"{entry}"' for entry in entries]
            path.write_text(f"hosts = [{', '.join(entries)}]\n" + path.read_text())

    def run(self, command, stdin="", succeeds=True, prints_token=False, environment=None, cwd=None, seconds=300):
        """Runs a program. No token may stand in its arguments or on stderr, nor on stdout unless it is for that."""
        command = [str(word) for word in command]
        environment = self.environment | {name: str(value) for name, value in (environment or {}).items()}
        how = {"capture_output": True, "text": True, "errors": "replace", "timeout": seconds}
        ended = subprocess.run(command, input=stdin, env=environment, cwd=cwd or self.home, **how)
        shown = [*command, ended.stderr] + ([] if prints_token else [ended.stdout])
        if any(self.issuer.is_in(text) for text in shown):
            raise Failed(f"{command[0]} showed a secret in its arguments or output")
        if succeeds and ended.returncode != 0:
            said = (ended.stderr.strip() or ended.stdout.strip())[-600:]
            raise Failed(f"{' '.join(command[:3])} ended with {ended.returncode}: {said}")
        return ended

    def claim(self, holds, what):
        if not holds:
            raise Failed(what)

    def fact(self, what):
        self.facts.append(what)

    def calls(self, once):
        """Many calls, one token request."""
        before, began = self.issuer.count, time.monotonic()
        once()
        number = min(self.most_calls, SLOW_CALLS if time.monotonic() - began > 1 else CALLS)
        for _ in range(number - 1):
            once()
        requests = self.issuer.count - before
        self.claim(requests == 1, f"{number} calls were {requests} token requests")
        self.fact(f"{number} calls = 1 request")

    def expiry(self, once):
        """A token that has ended is followed by another one."""
        self.issuer.lifetime = 3
        self.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
        end = list(self.issuer.given.values())[-1]
        while (left := end - time.time()) >= 0:
            time.sleep(left + 0.01)
        self.issuer.lifetime = 3600
        before = self.issuer.count
        once()
        self.claim(self.issuer.count == before + 1, f"after the end: {self.issuer.count - before} requests")
        self.fact("after its end +1")

    def revocation(self, act):
        """Every token is taken back; `act` uses the client as its user would, and succeeds in the end."""
        before = self.issuer.count
        self.issuer.revoke_all()
        act()
        requests = self.issuer.count - before
        self.claim(requests == 1, f"after the revocation: {requests} requests")
        self.fact("after a revocation +1")

    def nothing_for(self, foreign):
        """The foreign server was asked, and no secret reached it."""
        self.claim(foreign.requests, "the foreign host was not asked at all")
        self.claim(not any(request.holds(self.issuer) for request in foreign.requests), "a foreign host got a secret")
        self.fact("foreign host: nothing")

    def without_issuer(self, act):
        """The last trial: with no token and no issuer the client fails soon, and its user reads why from tokenkeep."""
        self.run(["tokenkeep", "token", "forget"])
        self.issuer.stop()
        began = time.monotonic()
        ended = act()
        self.claim(ended.returncode != 0, "it was served without a token")
        self.claim(time.monotonic() - began < 30, "it did not fail soon")
        said = ended.stderr + ended.stdout
        self.fact(f"without issuer: {'shows why' if self.issuer.host in said else 'does not show why'}")
        if self.bench.is_verbose:
            print(said, file=sys.stderr)

    def redirected(self, elsewhere, act, what="a redirect to another host"):
        """Whether the client sends the token to another host that the server names: its own affair, but worth knowing."""
        act()
        came = elsewhere.requests
        word = "sends no token" if came else "is not followed"
        if any(request.holds(self.issuer) for request in came):
            word = "sends the token along"
        self.fact(f"{what}: {word}")

    def check_traces(self):
        """No secret in arguments of any process, and none in a file that is not meant to hold it."""
        leaks = {leak for server in self.servers for leak in server.leaks}
        self.claim(not leaks, f"a secret stood in the arguments of {', '.join(sorted(leaks))}")
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path not in self.kept_in_clear:
                self.claim(not self.issuer.is_in(path.read_bytes()), f"a secret lies in {path.relative_to(self.folder)}")

    def background(self, command, environment=None, **how):
        """Starts a program that runs until the end of the desk."""
        environment = self.environment | {name: str(value) for name, value in (environment or {}).items()}
        process = subprocess.Popen([str(word) for word in command], env=environment, cwd=self.home, **how)
        self.closing.callback(ended, process)
        return process

    def drain(self, pipe):
        """Reads on to the end, so that a program with much to print is not stopped by a full pipe."""
        threading.Thread(target=lambda: [None for _ in pipe], daemon=True).start()


def ended(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


def until(holds, what, seconds=60):
    """Waits until something holds that is no event of a process of ours."""
    last = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > last:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return found
