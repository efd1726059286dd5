"""A place: a configuration directory and a data directory of their own, and one `tokenkeep` that runs there."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from faulting.issuer import CLIENT, secret

LIMIT = 60
# Ten days later, by every clock: what is old by one clock only may be the mistake of that clock.
LATER = ["unshare", "-T", "--boottime", "864000", "--monotonic", "864000", "--fork", "env", "FAKETIME_DONT_FAKE_MONOTONIC=1",
         "faketime", "-f", "+10d"]


class Outcome:
    """How a command ended. `code` is 128 + signal if a signal ended it, 124 if its time was over."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def __str__(self):
        return f"exit {self.code}: {' / '.join((self.err or self.out).strip().splitlines()[:2])[:200]}"

    @property
    def json(self):
        """What stdout holds, if it is one JSON object; else an empty one."""
        return parsed(self.out)

    @property
    def error(self):
        """The error object of a command that was run with --json; without one, an empty object."""
        errors = (parsed(line).get("error") for line in self.err.splitlines())
        return next((error for error in errors if isinstance(error, dict)), {})

    @property
    def hint(self):
        """What is advised, in either form."""
        found = re.search(r"(?m)^ *hint: (.*)", self.err)
        return self.error.get("hint") or (found[1] if found else "")


def parsed(text):
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class Program:
    """A binary to judge, and the names that it knows things by."""

    def __init__(self, path):
        self.path = str(pathlib.Path(path).resolve())
        self.has_fleet = self.answers("fleet", "key", "--help").returncode == 0
        self.can_say_yes = b"--yes" in self.answers("doctor", "--help").stdout

    def answers(self, *arguments):
        return subprocess.run([self.path, *arguments], capture_output=True, timeout=LIMIT)

    def fleet(self, what, *arguments):
        """`fleet key new` and the like."""
        return ["fleet", what, *arguments] if self.has_fleet else [f"shared-{what}", *arguments]

    @property
    def section(self):
        """The section of config.toml that names the fleet's store."""
        return "fleet" if self.has_fleet else "shared"

    @property
    def fix(self):
        return ["doctor", "--fix", "--yes"] if self.can_say_yes else ["doctor", "--fix"]


class Place:
    """Everything below `root`. With `issuer` there is a profile `p` of generation 1 with a key file, unless `bare`."""

    def __init__(self, program, issuer=None, bare=False, root=None):
        self.program, self.issuer = program, issuer
        self.root = pathlib.Path(root or tempfile.mkdtemp(prefix="tokenkeep-fault-"))
        self.config, self.data = self.root / "config", self.root / "data"
        self.environment = {
            "HOME": str(self.root),
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "TOKENKEEP_CONFIG_DIR": str(self.config),
            "TOKENKEEP_DATA_DIR": str(self.data),
        }
        if issuer and not bare:
            self.must("init", "--backend", "file")
            self.set(1, must=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self, *arguments, stdin=b"", under=(), environment=(), fds=(), program=None, **how):
        """Starts a command; `finish` waits for it. `under` is a program that starts it."""
        command = [*under, program or self.program.path, *map(str, arguments)]
        where = {**self.environment, **dict(environment)}
        where = {name: value for name, value in where.items() if value is not None}
        process = subprocess.Popen(
            command, env=where, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=fds, start_new_session=True, **how)
        process.began = time.monotonic()
        try:
            process.stdin.write(stdin)
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdin = None
        return process

    def run(self, *arguments, limit=LIMIT, **how):
        return finish(self.start(*arguments, **how), limit)

    def must(self, *arguments, **how):
        ended = self.run(*arguments, **how)
        if ended.code != 0:
            raise RuntimeError(f"tokenkeep {shlex.join(map(str, arguments[:3]))}: {ended}")
        return ended

    def shell(self, line, **how):
        """Runs a line of shell in which "$@" is the program."""
        arguments = how.pop("arguments", ())
        return self.run(*arguments, under=["bash", "-c", line, "bash"], **how)

    def setting(self, generation, profile="p", client=CLIENT, more=()):
        arguments = ["credentials", "set", "-p", profile, "--client-id", client, "--token-url", self.issuer.token_url]
        return [*arguments, "--secret-stdin", *more], secret(generation).encode()

    def set(self, generation, must=False, **how):
        arguments, stdin = self.setting(generation, **{k: how.pop(k) for k in ("profile", "client", "more") if k in how})
        return (self.must if must else self.run)(*arguments, stdin=stdin, **how)

    def get(self, *arguments, **how):
        return self.run("token", "get", "-p", "p", *arguments, **how)

    def fix(self, **how):
        return self.run(*self.program.fix, **how)

    def files(self, folder):
        """The names below a folder of the data directory."""
        where = self.data / folder
        return sorted(path.name for path in where.iterdir()) if where.is_dir() else []

    def all_files(self):
        for top in (self.config, self.data):
            for path in sorted(top.rglob("*")):
                yield path

    def profile_text(self, edit, name="p"):
        path = self.config / "profiles" / f"{name}.toml"
        path.write_text(edit(path.read_text()))


def finish(process, limit=LIMIT):
    """Waits for a command. At the limit its whole session is killed."""
    try:
        out, err = process.communicate(timeout=limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        end(process)
        out, err = process.communicate()
        code = 124
    return Outcome(128 - code if code < 0 else code, out.decode(errors="replace"), err.decode(errors="replace"),
                   time.monotonic() - process.began)


def end(process, how=signal.SIGKILL):
    try:
        os.killpg(process.pid, how)
    except ProcessLookupError:
        pass
