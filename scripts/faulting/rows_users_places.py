"""Homes, data directories and keys that are not as they were."""

import os
import re
import shutil

from faulting.issuer import secret
from faulting.place import Place
from faulting.row import generation, row

USER = 1000
BY_HOME = {"TOKENKEEP_CONFIG_DIR": None, "TOKENKEEP_DATA_DIR": None, "XDG_DATA_HOME": None, "XDG_CONFIG_HOME": None}


def as_user(number=USER):
    return ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups"]


def for_everybody(place):
    """The program where each user can start it."""
    place.root.chmod(0o755)
    path = place.root / "tokenkeep"
    if not path.exists():
        shutil.copy(place.program.path, path)
        path.chmod(0o755)
    return str(path)


def by_home(place):
    """Sets up `p` where a home without variables has it."""
    place.must("init", "--backend", "file", environment=BY_HOME)
    arguments, stdin = place.setting(1)
    place.must(*arguments, stdin=stdin, environment=BY_HOME)
    place.must("token", "get", "-p", "p", environment=BY_HOME)


@row("F5", "sudo -E before the first use makes ~/.config root's, and locks the user's programs out")
def home_of_another(bench):
    with bench.place(bare=True) as place:
        for what in ("nothing there", ".config there", ".config and .local/share there"):
            commands = ["init", "--backend", "file"], place.setting(1)[0], ["credentials", "list"], ["doctor"], ["token", "get"]
            for command in commands:
                home = place.root / "home"
                shutil.rmtree(home, ignore_errors=True)
                for folder in [home, *([home / ".config"] if ".config" in what else []),
                               *([home / ".local", home / ".local/share"] if ".local" in what else [])]:
                    folder.mkdir()
                    os.chown(folder, USER, USER)
                place.root.chmod(0o755)
                ended = place.run(*command, stdin=secret(1).encode(), environment={**BY_HOME, "HOME": str(home)})
                made = [str(path.relative_to(home)) for path in home.rglob("*") if path.stat().st_uid != USER]
                if made:
                    yield f"{what}, {' '.join(command[:2])}: {', '.join(made)} belong to root now: {ended}"
                if command[0] == "init" and ended.code != 10:
                    yield f"{what}, init: {ended}"


@row("F6", "hints in a terminal with another data directory lead to a credential that is gone from the ordinary one")
def another_data_directory(bench):
    for variable in ("XDG_DATA_HOME", "TOKENKEEP_DATA_DIR"):
        for begins in ("token get", "init"):
            with bench.place(bare=True) as place:
                by_home(place)
                other = place.root / "snap" / "share"
                there = {**BY_HOME, variable: str(other)}
                get = place.get(environment=there)
                if begins == "token get" and get.code and not (str(other) in get.err and variable in get.err):
                    yield f"{variable}: the data directory is not named: {get}"
                place.run("init", "--backend", "file", environment=there)
                arguments, stdin = place.setting(1)
                ended = place.run(*arguments, stdin=stdin, environment=there)
                if ended.code == 0:
                    yield f"{variable}: set takes the binding away: {ended}"
                elif "--replace" not in ended.err:
                    yield f"{variable}: {ended}"
                get = place.get("--refresh", environment=BY_HOME)
                if generation(get.out) != 1:
                    yield f"{variable}: in the ordinary terminal afterwards: {get}"


@row("F7", "a key file that was cut short: the hint overwrites the only key")
def key_cut(bench):
    for size in (0, 1, 16, 31):
        with bench.place(bare=True) as place:
            key = place.root / "my keys" / "key"
            key.parent.mkdir(mode=0o700)
            place.must("init", "--backend", "file", "--key-file", key)
            place.set(1, must=True)
            whole = key.read_bytes()
            key.write_bytes(whole[:size])
            init = ["init", "--backend", "file", "--key-file", key]
            for command in (["token", "get", "-p", "p", "--refresh"], init, ["rekey"], ["doctor"], place.setting(2)[0]):
                ended = place.run(*command, stdin=secret(2).encode())
                words = ended.err + ended.out
                if "urandom" in words or "head -c" in words or "restore" not in words:
                    yield f"{size} bytes, {' '.join(map(str, command[:2]))}: {ended}"
            if key.read_bytes() != whole[:size]:
                yield f"{size} bytes: what is left of the key was changed"
            key.write_bytes(whole)
            if generation((get := place.get("--refresh")).out) != 1:
                yield f"{size} bytes, restored: {get}"


@row("F15", "a link as data directory is refused, or taken with a slash behind it")
def linked(bench):
    for what in ("inside the same folder", "elsewhere", "through two links"):
        with bench.place(bare=True) as place:
            private = place.root / ("private" if "same" in what else "var/private")
            private.mkdir(mode=0o700, parents=True)
            link = place.root / "link"
            if "two" in what:
                (place.root / "second").symlink_to(private)
                link.symlink_to("second")
            else:
                link.symlink_to(os.path.relpath(private, place.root))
            codes = []
            for end in ("", "/"):
                place.environment["TOKENKEEP_DATA_DIR"] = f"{link}{end}"
                ended = [place.run("init", "--backend", "file"), place.set(1), place.get()]
                codes.append([one.code for one in ended])
                if any(codes[-1]) and "$STATE_DIRECTORY" not in ended[0].err:
                    yield f"{what}, link{end}: {next(one for one in ended if one.code)}"
            if codes[0] != codes[1]:
                yield f"{what}: exit codes {codes[0]}, with a slash {codes[1]}"
            # What others can exchange is refused by each name.
            private.chmod(0o777)
            for end in ("", "/"):
                if (ended := place.get(environment={"TOKENKEEP_DATA_DIR": f"{link}{end}"})).code != 10:
                    yield f"{what}, link{end} to a directory that others can write: {ended}"


@row("R20", "a user without a home of its own (OpenShift) is sent to look for free space")
def no_home(bench):
    with bench.place(bare=True) as place:
        program = for_everybody(place)
        for home in ("/", "/root", "/nonexistent"):
            for command in (["init", "--backend", "file"], place.setting(1)[0]):
                ended = place.run(*command, stdin=secret(1).encode(), under=as_user(1000690000), program=program,
                                  environment={**BY_HOME, "HOME": home})
                # Without a keyring `set` leads to `init`, which has to know the way.
                leads = command[0] == "credentials" and ended.code == 8 and "init" in ended.hint
                if not leads and not re.search("HOME|TOKENKEEP_CONFIG_DIR|--config-dir", ended.hint):
                    yield f"HOME={home}, {' '.join(command[:2])}: {ended}"


@row("R21", "a volume as the data directory itself: the hint is to be root")
def volume_itself(bench):
    for mode in (0o777, 0o1777, 0o2777, 0o3777):
        with bench.place(bare=True) as place:
            program = for_everybody(place)
            volume, own = place.root / "volume", place.root / "own"
            for folder in (volume, own):
                folder.mkdir()
            os.chown(own, USER, USER)
            volume.chmod(mode)
            for command in (["init", "--backend", "file"], place.setting(1)[0], ["doctor"]):
                ended = place.run(*command, stdin=secret(1).encode(), under=as_user(), program=program, environment={
                    "TOKENKEEP_DATA_DIR": str(volume), "TOKENKEEP_CONFIG_DIR": str(own / "config")})
                if ended.code != 10 or f"{volume}/tokenkeep" not in ended.hint + ended.out:
                    yield f"mode {mode:o}, {command[0]}: {ended}"
            inside = {"TOKENKEEP_DATA_DIR": f"{volume}/tokenkeep", "TOKENKEEP_CONFIG_DIR": str(own / "config")}
            if (ended := place.run("init", "--backend", "file", under=as_user(), program=program, environment=inside)).code:
                yield f"mode {mode:o}, a directory inside: {ended}"


@row("R45", "HOME that is no absolute path is called a user without a home")
def relative_home(bench):
    with bench.place(bare=True) as place:
        program = for_everybody(place)
        for home in ("relative/path", ".", "~", "~/x"):
            for command in (["init", "--backend", "file"], ["token", "get"], ["doctor"]):
                ended = place.run(*command, under=as_user(4242), program=program, environment={**BY_HOME, "HOME": home})
                if ended.code == 0 or "HOME" not in ended.err:
                    yield f"HOME={home}, {command[0]}: {ended}"


@row("L3", "a home or a key file that moved is a circle of hints; only an edit of `store` helps")
def moved(bench):
    with bench.place(bare=True) as place:
        by_home(place)
        with Place(bench.program, place.issuer, bare=True) as new:
            for name in (".config", ".local"):
                shutil.move(place.root / name, new.root / name)
            ended = new.get("--refresh", environment=BY_HOME)
            for command in ([], ["init", "--backend", "file"], ["init", "--backend", "file", "--move"]):
                done = new.run(*command, environment=BY_HOME) if command else ended
                if generation((ended := new.get("--refresh", environment=BY_HOME)).out) == 1:
                    break
            if ended.code:
                yield f"a home that moved: {done}; then token get: {ended}"
    for more in ([], ["--move"]):
        with bench.place() as place:
            place.must("token", "get", "-p", "p")
            elsewhere = place.root / "restored"
            shutil.move(place.config / "key", elsewhere)
            ended = place.run("init", "--backend", "file", "--key-file", elsewhere, *more)
            get = place.get("--refresh")
            if ended.code or generation(get.out) != 1:
                yield f"a key file that moved, {' '.join(more) or 'init'}: {ended}; then token get: {get}"
