"""A command on a terminal of its own: what the terminal shows, what is hidden, and what is left for the shell."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from faulting.place import end


class Terminal:
    """Runs a command on a new terminal. Each wait reads what is shown, and returns False if the command ended first."""

    def __init__(self, place, *arguments, environment=(), columns=80):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.set_blocking(self.master, False)
        where = {**place.environment, "TERM": "xterm", **dict(environment)}
        where = {name: value for name, value in where.items() if value is not None}
        # setsid makes the terminal the controlling one, so that /dev/tty is it.
        command = ["setsid", "--ctty", place.program.path, *map(str, arguments)]
        self.process = subprocess.Popen(command, env=where, stdin=self.slave, stdout=self.slave, stderr=self.slave)
        self.bytes, self.code, self.left, self.began = b"", None, 0, time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            # What it started ends with it, if it is told.
            end(self.process, signal.SIGTERM)
            self.watch(2)
            end(self.process)
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    @property
    def shown(self):
        return self.bytes.decode(errors="replace")

    def read(self, seconds=0.02):
        if select.select([self.master], [], [], seconds)[0]:
            self.bytes += os.read(self.master, 65536)

    def until(self, holds, seconds=15):
        until = time.monotonic() + seconds
        while not holds():
            if self.process.poll() is not None or time.monotonic() > until:
                while select.select([self.master], [], [], 0)[0]:
                    self.read(0)
                return holds()
            self.read()
        return True

    def shows(self, pattern, seconds=15):
        return self.until(lambda: re.search(pattern, self.shown), seconds)

    def hides(self, seconds=15):
        """Waits until what is typed is not shown."""
        return self.until(lambda: not termios.tcgetattr(self.slave)[3] & termios.ECHO, seconds)

    def watch(self, seconds):
        """Looks on for some time: what is looked for is that nothing happens."""
        self.until(lambda: False, seconds)

    def type(self, text):
        rest = text.encode()
        until = time.monotonic() + 15
        while rest and self.process.poll() is None and time.monotonic() < until:
            if select.select([], [self.master], [], 0.02)[1]:
                rest = rest[os.write(self.master, rest[:1024]):]
            self.read(0)

    def ends(self, seconds=20):
        """Waits for the end; returns the exit code, 124 if it did not end."""
        self.until(lambda: False, seconds)
        if self.process.poll() is None:
            self.code = 124
            return self.code
        self.left = struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, b"\0" * 4))[0]
        self.code = self.process.returncode if self.process.returncode >= 0 else 128 - self.process.returncode
        return self.code

    def __str__(self):
        lines = [line for line in self.shown.replace("\r", "\n").splitlines() if line.strip()]
        return f"exit {self.code}: {' / '.join(lines[-2:])[:200]!r}"
