"""What all parts share: the programs, a temporary folder, and children that end with it."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from benching.home import CLIENT, SECRET
from benching.issuer import Fixture, Rivals
from benching.stopwatch import Candidate, Unfit

DIST = pathlib.Path("target/dist")


class Workbench:
    """Everything is undone in the order it was done in, the last first, however the benchmark ends."""

    def __init__(self, tokenkeep=None, issuer=None, rounds=None, quick=False, against=None):
        self.tokenkeep = str(pathlib.Path(tokenkeep).resolve()) if tokenkeep else released()
        beside = pathlib.Path(self.tokenkeep).with_name("tokenkeep-full")
        self.against = str(pathlib.Path(against).resolve()) if against else None
        self.full = str(beside) if beside.exists() else None
        self.quick = quick
        self.asked_rounds = rounds
        self.target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve()
        # What is made once and used by every later run.
        self.kept = self.target / "bench"
        self.kept.mkdir(parents=True, exist_ok=True)
        self.closing = contextlib.ExitStack()
        self.temporary = pathlib.Path(self.closing.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self.issuer_program = str(pathlib.Path(issuer).resolve()) if issuer else None
        self.rivals_server = None

    def __enter__(self):
        return self

    def __exit__(self, *why):
        return self.closing.__exit__(*why)

    def rounds(self, usual, quick):
        return self.asked_rounds or (quick if self.quick else usual)

    def folder(self, name):
        return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.temporary))

    def version(self, program=None):
        said = subprocess.run([program or self.tokenkeep, "--version"], capture_output=True, text=True)
        return said.stdout.strip().removeprefix("tokenkeep ") or "of unknown version"

    def issuer(self, latency_ms=0, tls=False):
        """A fixture issuer of the tests, built in their profile."""
        if not self.issuer_program:
            subprocess.run(["cargo", "build", "--quiet", "--workspace", "--bin", "issuer"], check=True)
            self.issuer_program = str(self.target / "debug/issuer")
        issuer = Fixture(self.issuer_program, CLIENT, SECRET, latency_ms, tls)
        self.closing.callback(issuer.stop)
        return issuer

    @property
    def rivals(self):
        """The issuer that fills the caches of the others."""
        if not self.rivals_server:
            self.rivals_server = Rivals()
            self.closing.callback(self.rivals_server.stop)
        return self.rivals_server

    def child(self, command, environment, stdin=True):
        """Starts a daemon in the foreground, to be ended by its process id."""
        try:
            child = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except FileNotFoundError as missing:
            raise Unfit(f"{missing.filename} is not installed") from missing
        self.closing.callback(end, child)
        return child

    def wait_for(self, path, child):
        """Waits until a daemon has made its socket."""
        deadline = time.monotonic() + 30
        while not path.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise Unfit(f"{child.args[0]} does not start")
            time.sleep(0.01)

    def packages(self, *wanted):
        ended = subprocess.run(["scripts/packages", *wanted], capture_output=True, text=True)
        if ended.returncode != 0:
            raise Unfit((ended.stderr.strip().splitlines() or ["it cannot be installed"])[-1])

    def which(self, program):
        found = shutil.which(program)
        if not found:
            raise Unfit(f"{program} is not installed")
        return found

    def true(self):
        return Candidate("/bin/true", ["/bin/true"], {}, "GNU coreutils")


def released():
    """The binaries of a release, built where they are not there yet, or older than what they are made of."""
    front = DIST / "tokenkeep"
    if not front.exists() or front.stat().st_mtime < newest():
        print("scripts/release ...", flush=True)
        subprocess.run(["scripts/release"], check=True, stdout=subprocess.DEVNULL)
    return str(front.resolve())


def newest():
    sources = [*pathlib.Path("src").rglob("*.rs"), *pathlib.Path("migrations").glob("*.sql")]
    return max(path.stat().st_mtime for path in [*sources, pathlib.Path("Cargo.toml"), pathlib.Path("Cargo.lock")])


def end(child):
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
