"""What loses a credential, or fails a get, while stored things are replaced."""

import os
import pathlib
import time

from faulting.injector import Injection, each
from faulting.issuer import secret
from faulting.place import LATER, finish
from faulting.row import generation, lost, row

MOVE = ["init", "--backend", "file", "--move", "--key-file"]


@row("D1", "rekey, init --move and a repeated init erase the only copy of a secret when one read fails")
def erased_by_a_failed_read(bench):
    for what in ("rekey", "move"):
        for limit in range(4, 13):
            with bench.place() as place:
                place.must("token", "get")
                command = ["rekey"] if what == "rekey" else [*MOVE, place.config / "key2"]
                ended = place.shell(f'ulimit -n {limit}; exec "$@"', arguments=command)
                yield from lost(place, f"{what} with {limit} descriptors (exit {ended.code})")
        for error in ("EIO", "EMFILE", "EACCES"):
            yield from spoiled_reads(bench, what, error)
    yield from repeated_init(bench)


def spoiled_reads(bench, what, error):
    """The same by injection, at each call that opens, looks at or reads something."""
    with bench.place() as place:
        command = ["rekey"] if what == "rekey" else [*MOVE, place.config / "key2"]
        # The program's libraries are loaded by the first thirty or so.
        for number in range(20, 400, 1):
            injection = Injection(f"fail:{error}", number, "open,openat,fstat,newfstatat,statx,read,getdents64")
            with Fresh(place) as fresh:
                ended = fresh.run(*command, under=injection.under)
                if injection.hit is None:
                    return
                yield from lost(fresh, f"{what} with {error} at {injection.hit} (exit {ended.code})")


class Fresh:
    """The state of a place, put back at the end."""

    def __init__(self, place):
        self.place, self.kept = place, place.root / "kept"

    def __enter__(self):
        os.system(f"rm -rf {self.kept} && mkdir {self.kept} && cp -a {self.place.config} {self.place.data} {self.kept}")
        return self.place

    def __exit__(self, *_):
        os.system(f"rm -rf {self.place.config} {self.place.data} && mv {self.kept}/* {self.place.root} && rmdir {self.kept}")


def repeated_init(bench):
    with bench.place() as place:
        for number in range(1, 40):
            with Fresh(place):
                injection = Injection("kill-after", number, "rename,renameat,renameat2,link,linkat")
                place.run("rekey", under=injection.under)
                if injection.hit is None:
                    break
                chmod(place, 0o644)
                ended = place.run("init", "--backend", "file")
                chmod(place, 0o600)
                yield from lost(place, f"init (exit {ended.code}) after a killed rekey and files of mode 0644")


def chmod(place, mode):
    for path in (place.data / "secrets").iterdir():
        path.chmod(mode)


@row("D2", "credentials set fails each caller that waits for a token")
def waiting_during_a_rotation(bench):
    for flag in ([], ["--refresh"]):
        with bench.place(latency=1.5) as place:
            first = place.start("token", "get", "-p", "p", *flag)
            wait_for(lambda: place.issuer.count)
            others = [place.start("token", "get", "-p", "p", *flag) for _ in range(5)]
            time.sleep(0.4)
            place.set(2, must=True)
            for process in [first, *others]:
                ended = finish(process)
                if ended.code != 0:
                    yield f"a get{' --refresh' if flag else ''} that waited: {ended}"


@row("D5", "a get fails when rekey or init --move runs meanwhile")
def get_during_a_rekey(bench):
    for what in ("rekey", "move"):
        for at in ("secrets", "key"):
            for number in range(1, 6):
                with bench.place() as place:
                    injection = Injection("stop:700", number, "open,openat", at)
                    get = place.start("token", "get", "-p", "p", "--refresh", under=injection.under)
                    time.sleep(0.25)
                    changed = place.run(*(["rekey"] if what == "rekey" else [*MOVE, place.config / "key2"]))
                    ended = finish(get)
                    if injection.hit is None:
                        break
                    if ended.code != 0 or changed.code != 0:
                        yield f"get beside {what}, held at {injection.hit}: {ended}; {what}: {changed}"


@row("D7", "with store.lock deleted while it is held two writers go on, and a credential is sealed with a dead key")
def deleted_lock(bench):
    for other in (["rekey"], [*MOVE, "{config}/key2"]):
        with bench.place(latency=1.5) as place:
            arguments, stdin = place.setting(2, more=["--verify"])
            slow = place.start(*arguments, stdin=stdin)
            wait_for(lambda: place.issuer.count)
            for lock in place.data.glob("*.lock"):
                if lock.name == "store.lock":
                    lock.unlink()
            second = place.run(*[part.format(config=place.config) for part in other])
            first = finish(slow)
            place.issuer.latency = 0
            # Of a set that failed the old credential has to be whole, else the new one.
            yield from lost(place, f"set (exit {first.code}) beside {other[0]} (exit {second.code})",
                            (2,) if first.code == 0 else (1,))


@row("D11", "credentials set --verify waits 30 s for a lock that it holds itself")
def lock_against_itself(bench):
    with bench.place(bare=True) as place:
        place.config.mkdir(mode=0o700)
        (place.config / "config.toml").write_text(f'[secrets]\nbackend = "file"\nkey_file = "{place.config}/key"\n')
        arguments, _ = place.setting(1, more=["--secret-at-fetch", "env:X", "--verify"])
        arguments.remove("--secret-stdin")
        ended = place.run(*arguments, environment={"X": secret(1)})
        if ended.seconds > 10 or ended.code != 0:
            yield f"after {ended.seconds:.1f} s: {ended}"


@row("D24", "doctor and rekey disturb each other; a killed doctor leaves its trial files")
def doctor_beside_rekey(bench):
    with bench.place() as place:
        place.must("token", "get")
        for number in range(1, 60):
            injection = Injection("stop:250", number, "files", "secrets")
            doctor = place.start("doctor", under=injection.under)
            wait_for(lambda: injection.hit or doctor.poll() is not None, 10)
            rekey = place.run("rekey")
            ended = finish(doctor)
            if injection.hit is None:
                break
            if ended.code != 0:
                yield f"doctor, held at {injection.hit}, beside rekey: {ended}"
            if rekey.code != 0:
                yield f"rekey beside doctor at {injection.hit}: {rekey}"
            yield from lost(place, "doctor beside rekey")
    with bench.place() as place:
        place.must("token", "get")
        for number, injection, _ in each("kill-after", lambda i: place.run("doctor", under=i.under), "changes", "doctor"):
            place.fix(under=LATER)
            for path in place.all_files():
                if "doctor" in path.name or path.name.endswith(".tmp"):
                    yield f"doctor killed after {injection.hit}: {path.parent.name}/{path.name} stays"


def wait_for(met, limit=5):
    until = time.monotonic() + limit
    while not met():
        if time.monotonic() > until:
            return
        time.sleep(0.005)


