"""Directories and files that are not as they should be."""

import os
import socket
import subprocess
import time

from faulting.injector import Injection, each
from faulting.issuer import secret
from faulting.place import Place, finish
from faulting.row import generation, lost, row

OTHER = 65534


def by_environment(place):
    """A profile whose secret comes from a variable, and a backend that config.toml names: nothing to read in the data."""
    profiles = place.config / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    (place.config / "config.toml").write_text('[secrets]\nbackend = "none"\n')
    place.environment["SECRET"] = secret(1)
    arguments, _ = place.setting(1, more=["--secret-at-fetch", "env:SECRET"])
    arguments.remove("--secret-stdin")
    place.must(*arguments)


@row("D3", "a dangling symbolic link above a directory of ours overflows the stack")
def dangling_link(bench):
    with bench.place(bare=True) as place:
        by_environment(place)
        (place.root / "away").symlink_to("/mnt/not-mounted-today")
        for data in (place.root / "away" / "share" / "tokenkeep", place.root / "away", "/proc/none/here"):
            ended = place.get(environment={"TOKENKEEP_DATA_DIR": str(data)})
            # A link in the place of a directory of ours may be refused; one above it may not.
            refused = data == place.root / "away" and ended.code == 10
            if not refused and (ended.code != 0 or generation(ended.out) != 1):
                yield f"get with the data directory {data}: {ended}"
        home = {"TOKENKEEP_DATA_DIR": None, "XDG_DATA_HOME": None}
        (place.root / ".local").symlink_to("/mnt/not-mounted-today/.local")
        ended = place.get(environment=home)
        if ended.code != 0:
            yield f"get with ~/.local that leads nowhere: {ended}"
        for command in (["init", "--backend", "file"], place.setting(1)[0], ["doctor"]):
            ended = place.run(*command, environment={"TOKENKEEP_CONFIG_DIR": str(place.root / "away" / "config")})
            if ended.code >= 124 or ended.code == 1:
                yield f"{command[0]} with such a configuration directory: {ended}"


@row("D8", "directories that other users can write are used for profiles and keys")
def directories_of_everybody(bench):
    for what in ("config", "profiles", "key"):
        for mode in (0o777, 0o775, 0o707):
            with bench.place(bare=True) as place:
                keys = place.root / "keys"
                keys.mkdir()
                place.must("init", "--backend", "file", "--key-file", keys / "key")
                place.set(1, must=True)
                folder = {"config": place.config, "profiles": place.config / "profiles", "key": keys}[what]
                # A group that has nobody else in it would be the owner's own.
                os.chown(folder, -1, OTHER)
                folder.chmod(mode)
                ended = place.get()
                if ended.code != 10 or "chmod" not in ended.err:
                    yield f"get with the {what} directory of mode {mode:o}: {ended}"
                folder.chmod(0o700)
                if (ended := place.get()).code != 0:
                    yield f"get after chmod 700: {ended}"


@row("D14", "a killed init or fleet key export leaves a copy of the key for ever")
def key_left_behind(bench):
    program = bench.program
    for what in ("init", "move", "new", "export"):
        with bench.place(bare=True) as place:
            keys = place.root / "keys"
            keys.mkdir(mode=0o700)
            place.must("init", "--backend", "file")
            place.set(1, must=True)
            place.must(*program.fleet("key", "new"))
            command = {
                "init": ["init", "--backend", "file", "--key-file", keys / "key"],
                "move": ["init", "--backend", "file", "--move", "--key-file", keys / "key"],
                "new": program.fleet("key", "new", keys / "key"),
                "export": program.fleet("key", "export", keys / "key"),
            }[what]
            kept = place.root / "kept"
            os.system(f"mkdir {kept}; cp -a {place.config} {place.data} {kept}")
            for mode in ("kill-before", "kill-after"):
                for number, injection, _ in each(mode, lambda i: begin(place, what, keys, kept, command, i), "changes"):
                    place.run(*command)
                    place.set(2)
                    place.fix()
                    more = sorted(path.name for path in keys.iterdir() if path.name != "key")
                    if more:
                        yield f"{what}, {mode} {injection.hit}: {', '.join(more)} stays"


def begin(place, what, keys, kept, command, injection):
    os.system(f"rm -rf {keys}/* {keys}/.[!.]* {place.config} {place.data}; cp -a {kept}/* {place.root}")
    if what == "init":
        os.system(f"rm -rf {place.config}/key {place.data}")
    return place.run(*command, under=injection.under)


@row("D19", "the passphrase descriptor is read to its end, and opened again by name")
def passphrase_descriptor(bench):
    phrase = b"a long passphrase of a trial"
    with bench.place(bare=True) as place:
        reader, writer = os.pipe()
        try:
            os.write(writer, phrase + b"\n")
            ended = given(place, reader, "init", "--backend", "file", "--passphrase")
            if ended.code != 0:
                yield f"init with a pipe that stays open: {ended}"
        finally:
            os.close(writer)
            os.close(reader)
    with bench.place(bare=True) as place:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(phrase + b"\n")
            ours.shutdown(socket.SHUT_WR)
            ended = given(place, theirs.fileno(), "init", "--backend", "file", "--passphrase")
            if ended.code != 0:
                yield f"init with a socket: {ended}"
    with bench.place(bare=True) as place:
        held = place.root / "phrase"
        held.write_bytes(phrase + b"\n")
        held.chmod(0o600)
        os.chmod(place.root, 0o777)
        file = os.open(held, os.O_RDONLY)
        under = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
        ended = given(place, file, "init", "--backend", "file", "--passphrase", under=under, program=readable(bench, place))
        os.close(file)
        if ended.code != 0:
            yield f"init with a file that root opened: {ended}"
    with bench.place(bare=True) as place:
        reader, writer = os.pipe()
        ended = given(place, reader, "init", "--backend", "file", "--passphrase", limit=40)
        os.close(writer)
        os.close(reader)
        if ended.code == 124:
            yield "init waits without an end for a pipe in which nothing comes"


def readable(bench, place):
    """The program at a path that any user may run."""
    copy = place.root / "tokenkeep"
    os.system(f"cp {bench.program.path} {copy}; chmod 755 {copy}")
    return str(copy)


def given(place, descriptor, *arguments, limit=20, **how):
    return place.run(*arguments, environment={"TOKENKEEP_PASSPHRASE_FD": str(descriptor)}, fds=[descriptor],
                     limit=limit, **how)


@row("D27", "a directory that is made is chmodded by name: a link in its place is followed")
def made_directory(bench):
    for what in ("config", "data"):
        for number in range(1, 6):
            with bench.place(bare=True) as place:
                victim = place.root / "victim"
                victim.mkdir()
                victim.chmod(0o755)
                target = {"config": place.config, "data": place.data}[what]
                injection = Injection("stop:500", number, "chmod,fchmodat", f"/{what}")
                process = place.start("init", "--backend", "file", under=injection.under)
                until = time.monotonic() + 3
                while not injection.hit and process.poll() is None and time.monotonic() < until:
                    time.sleep(0.005)
                if injection.hit and target.exists():
                    target.rename(place.root / "aside")
                    target.symlink_to(victim)
                ended = finish(process)
                if injection.hit is None:
                    break
                if victim.stat().st_mode & 0o777 != 0o755:
                    yield f"the directory that a link led to became {victim.stat().st_mode & 0o777:o} ({ended})"


@row("D12", "doctor --fix erases the secrets of another configuration directory without a question")
def two_configurations(bench):
    with bench.place() as place:
        with Place(bench.program, place.issuer, bare=True) as other:
            other.environment["TOKENKEEP_DATA_DIR"] = str(place.data)
            other.config.mkdir(mode=0o700)
            subprocess.run(["cp", place.config / "key", other.config / "key"], check=True)
            (other.config / "config.toml").write_text(f'[secrets]\nbackend = "file"\nkey_file = "{place.config}/key"\n')
            other.set(2, profile="q", must=True)
            # Without --yes and without a terminal: nothing may go.
            ended = place.run("doctor", "--fix")
            if (get := other.run("token", "get", "-p", "q", "--refresh")).code != 0:
                yield f"doctor --fix (exit {ended.code}) from another configuration directory: {get}"
            ended = place.run("rekey")
            if (get := other.run("token", "get", "-p", "q", "--refresh")).code != 0:
                yield f"rekey (exit {ended.code}) beside another configuration directory: {get}"
            yield from lost(place, "rekey and doctor --fix")


@row("D25", "hints that do harm: chmod of a directory of the system, a new key over a damaged one")
def harmful_hints(bench):
    with bench.place() as place:
        for folder in ("/tmp", "/", "/dev/shm", "/var/tmp", "/etc", "/usr"):
            for command in (["token", "get"], ["doctor"], ["init", "--backend", "file"]):
                for name in ("TOKENKEEP_DATA_DIR", "TOKENKEEP_CONFIG_DIR"):
                    if folder in ("/", "/etc", "/usr") and name == "TOKENKEEP_CONFIG_DIR":
                        continue
                    if folder in ("/etc", "/usr") or command[0] == "init" and name == "TOKENKEEP_CONFIG_DIR":
                        continue
                    ended = place.run(*command, environment={name: folder})
                    for line in (ended.err + ended.out).splitlines():
                        if "chmod" in line and line.rstrip().endswith(f" {folder}"):
                            yield f"{command[0]} with {name}={folder}: {line.strip()}"
        key = place.config / "key"
        whole = key.read_bytes()
        for left in (b"", whole[:7], whole + b"more"):
            key.write_bytes(left)
            for command in (["token", "get", "-p", "p", "--refresh"], ["doctor"], ["rekey"], ["init", "--backend", "file"]):
                ended = place.run(*command)
                if "urandom" in ended.err + ended.out:
                    yield f"{command[0]} with a key file of {len(left)} bytes: a hint that overwrites it"
                if key.read_bytes() != left:
                    yield f"{command[0]} overwrote a key file of {len(left)} bytes"
        key.write_bytes(whole)
        yield from lost(place, "with the key file restored")
