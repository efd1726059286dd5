"""On what, when, and of what state of the project it was measured."""

import datetime
import os
import pathlib
import platform
import subprocess


def machine():
    model = [line.split(":", 1)[1].strip() for line in lines("/proc/cpuinfo") if line.startswith("model name")]
    virtual = " (virtual)" if any("hypervisor" in line for line in lines("/proc/cpuinfo")) else ""
    release = [line.split("=", 1)[1].strip('"') for line in lines("/etc/os-release") if line.startswith("PRETTY_NAME")]
    parts = [f"{os.cpu_count()} cores", (model or [platform.machine()])[0] + virtual]
    return ", ".join(parts + [f"{platform.system()} {platform.release()}", *release])


def lines(path):
    path = pathlib.Path(path)
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def occasion():
    """The date and the commit, with a word on what is not committed."""
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    commit = git("rev-parse", "--short=10", "HEAD") or "no commit"
    changed = " and changes on top" if git("status", "--porcelain", "--untracked-files=no", "src", "Cargo.toml") else ""
    return f"{day}, commit {commit}{changed}"


def load():
    """How busy the machine was with other things: processes that wanted to run, over the last minute."""
    return os.getloadavg()[0]


def git(*arguments):
    ended = subprocess.run(["git", *arguments], capture_output=True, text=True)
    return ended.stdout.strip() if ended.returncode == 0 else ""
