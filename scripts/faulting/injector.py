"""Runs a command under tests/injector/injector.c, which is compiled when it is first needed."""

import pathlib
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCE = REPOSITORY / "tests" / "injector" / "injector.c"
SECONDS = 45


def built():
    program = REPOSITORY / "target" / "injector"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        program.parent.mkdir(exist_ok=True)
        partial = pathlib.Path(tempfile.mkdtemp(dir=program.parent)) / "injector"
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(partial), str(SOURCE)], check=True)
        partial.rename(program)
        partial.parent.rmdir()
    return str(program)


class Injection:
    """A fault at one system call; see the head of injector.c for the modes and the names of calls."""

    def __init__(self, mode, number=0, calls="files", path=""):
        self.mode, self.number, self.calls, self.path = mode, number, calls, path
        self.report = tempfile.NamedTemporaryFile(prefix="tokenkeep-injected-")

    @property
    def under(self):
        """The programs that start the command."""
        return [built(), self.report.name, str(SECONDS), self.mode, str(self.number), self.calls, self.path]

    def lines(self, kind):
        text = pathlib.Path(self.report.name).read_text(errors="replace")
        return [line.split(" ", 1)[1] for line in text.splitlines() if line.startswith(f"{kind} ")]

    @property
    def hit(self):
        """The call that was spoiled, or None if the command made fewer."""
        return next(iter(self.lines("hit")), None)

    @property
    def listed(self):
        """The calls of a run in mode `list`: pairs of name and path."""
        return [tuple((line.split(" ", 2) + ["", ""])[1:3]) for line in self.lines("call")]


def each(mode, run, calls="files", path="", at_most=400):
    """Spoils the first call, the second, ... until a run has no more; yields number, injection and outcome."""
    for number in range(1, at_most + 1):
        injection = Injection(mode, number, calls, path)
        outcome = run(injection)
        if injection.hit is None:
            return
        yield number, injection, outcome
