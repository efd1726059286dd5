"""The programs of the clients: from Debian, or from a package registry into a folder of their own that later runs use."""

import os
import pathlib
import shutil
import subprocess
import sys

from clienting.row import Skipped

PACKAGES = pathlib.Path(__file__).resolve().parent.parent / "packages"


class Tools:
    def __init__(self, target):
        self.folder = target / "clients"
        self.folder.mkdir(parents=True, exist_ok=True)

    def debian(self, command, package=None):
        """Returns the path of a program of Debian."""
        done = subprocess.run([PACKAGES, f"{command}={package or command}"], capture_output=True, text=True)
        path = shutil.which(command, path="/usr/local/bin:/usr/bin:/bin")
        if done.returncode != 0 or not path:
            raise Skipped(f"{package or command} cannot be installed: {last_line(done.stderr)}")
        return path

    def python(self, name, *packages):
        """Returns the folder of programs of a virtual environment that has these packages."""
        folder = self.folder / f"python-{name}"
        mark = folder / "installed"
        if not mark.exists() or mark.read_text() != " ".join(packages):
            shutil.rmtree(folder, ignore_errors=True)
            make(f"{name} of PyPI", [sys.executable, "-m", "venv", folder])
            make(f"{name} of PyPI", [folder / "bin/pip", "install", "--quiet", *packages])
            mark.write_text(" ".join(packages))
        return folder / "bin"

    def node(self, name, *packages):
        """Returns a folder whose node_modules has these packages."""
        self.debian("npm")
        folder = self.folder / f"node-{name}"
        mark = folder / "installed"
        if not mark.exists() or mark.read_text() != " ".join(packages):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(f"{name} of npm", ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", *packages])
            mark.write_text(" ".join(packages))
        return folder


def make(what, command):
    try:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=600, env=os.environ, cwd="/"
        )
    except subprocess.TimeoutExpired:
        raise Skipped(f"{what} was not installed within 10 minutes") from None
    if done.returncode != 0:
        raise Skipped(f"{what} cannot be installed: {last_line(done.stderr)}")


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
