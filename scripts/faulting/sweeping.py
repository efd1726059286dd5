"""The sweep: all points, some threads that take them, and the counts."""

import collections
import concurrent.futures
import os
import pathlib
import random
import shutil
import threading
import time

from faulting import holding, keyring
from faulting.injector import Injection
from faulting.issuer import Issuer
from faulting.keyring import Keyring
from faulting.place import Place, Program
from faulting.scenarios import SCENARIOS

OPENS = "open,openat,socket,pipe2,dup,dup3,eventfd2,epoll_create1"
LOOKS = "fstat,stat,lstat,statx,newfstatat,access,faccessat2,readlink,readlinkat,getdents64,lseek,statfs,fstatfs"
CHANGES = ("rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,symlink,symlinkat,chmod,fchmod,fchmodat,"
           "ftruncate,fallocate,fsync,fdatasync,utimensat")
TRANSFERS = "read,pread64,readv,write,pwrite64,writev,sendto,recvfrom,sendmsg,recvmsg"
WRITES = f"write,pwrite64,writev,open,openat,{CHANGES}"
CALLS = f"{OPENS},{LOOKS},{CHANGES},{TRANSFERS},flock,close,connect"

# Name of a mode -> the injector's mode and the calls that it is for.
MODES = {
    "kill-before": ("kill-before", "files"),
    "kill-after": ("kill-after", f"{CHANGES},write,pwrite64,close"),
    "EIO": ("fail:EIO", CALLS),
    "EACCES": ("fail:EACCES", f"open,openat,{LOOKS},{CHANGES},flock,connect"),
    "EINTR": ("fail:EINTR", f"open,openat,{TRANSFERS},flock,connect,fsync,fdatasync,ftruncate"),
    "EMFILE": ("fail:EMFILE", OPENS),
    "ENOMEM": ("fail:ENOMEM", CALLS),
    "ENOSPC": ("fail:ENOSPC", WRITES),
    "EFBIG": ("fail:EFBIG", "write,pwrite64,writev,ftruncate,fallocate"),
    "EROFS": ("fail:EROFS", f"open,openat,{CHANGES}"),
    "short": ("short", "read,pread64,write,pwrite64,sendto,recvfrom"),
    "after-EIO": ("after:EIO", "close,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,fchmod"),
    "from-EIO": ("from:EIO", CALLS),
    "from-ENOSPC": ("from:ENOSPC", WRITES),
    "from-EMFILE": ("from:EMFILE", OPENS),
    "from-EACCES": ("from:EACCES", f"open,openat,{CHANGES}"),
}
LIMITS = {
    "n": range(3, 21),
    "f": (0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64),
    "s": (64, 96, 128, 256, 1024),
    "v": (8_000, 12_000, 20_000, 30_000, 60_000, 100_000),
}
MODES |= {limit: None for limit in LIMITS}
# Such small stacks and address spaces end any program; what counts is what they leave.
MAY_CRASH = ("s", "v")


AUTHORITY = next(pathlib.Path("/etc/ssl/certs").glob("*.pem")).read_text()


class Bed:
    """A place for one scenario, and a copy of its beginning."""

    def __init__(self, program, scenario):
        self.scenario, self.issuer, self.keyring = scenario, Issuer(), None
        self.place = Place(program, self.issuer, bare=True)
        # Instead of the hundreds of the system, which are read one by one.
        authority = self.place.root / "authorities.pem"
        authority.write_text(AUTHORITY)
        (self.place.root / "authorities").mkdir()
        self.place.environment |= {"SSL_CERT_FILE": str(authority), "SSL_CERT_DIR": str(self.place.root / "authorities")}
        scenario.prepare(self.place)
        self.kept = self.place.root / "kept"
        self.kept.mkdir()
        self.put(self.place.root, self.kept)
        # How many secrets there may be: as many as without a fault, before or after. A get with a fleet keeps one, too.
        self.place.get("--refresh")
        self.place.fix()
        counts = [len(self.place.files("secrets")), 1]
        self.begin()
        arguments, stdin = self.command()
        self.place.run(*arguments, stdin=stdin)
        self.place.get("--refresh")
        self.place.fix()
        self.secrets = max(*counts, len(self.place.files("secrets")))

    def put(self, source, target):
        for name in ("config", "data", "exported", "made", "given"):
            path = target / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            if (source / name).is_dir():
                shutil.copytree(source / name, path, symlinks=True)
            elif (source / name).exists():
                shutil.copy2(source / name, path)

    def begin(self):
        self.put(self.kept, self.place.root)
        self.issuer.requests.clear()
        if self.scenario.keyring:
            if self.keyring:
                self.keyring.close()
            self.keyring = Keyring()
            self.place.environment["DBUS_SESSION_BUS_ADDRESS"] = self.keyring.address
        if self.scenario.keyring == "moved":
            self.place.must("init", "--backend", "keyring", "--move")
            self.place.must("token", "get", "-p", "p")

    def command(self):
        arguments, stdin = self.scenario.command(self.place)
        if arguments[:2] == ["doctor", "--fix"]:
            arguments = self.place.program.fix
        return arguments, stdin

    def spoil(self, mode, number):
        """One run with one fault; returns what `holding.check` found, or None if the run made fewer calls."""
        self.begin()
        arguments, stdin = self.command()
        if mode in LIMITS:
            line = f'ulimit -{mode} {number}; exec "$@"'
            ended = self.place.run(*arguments, stdin=stdin, under=["bash", "-c", line, "bash"])
            killed, hit = mode in MAY_CRASH and ended.code >= 128, f"ulimit -{mode} {number}"
            # The loader's own words, before anything of ours runs.
            killed = killed or ended.code == 127
        else:
            injection = Injection(MODES[mode][0], number, MODES[mode][1])
            ended = self.place.run(*arguments, stdin=stdin, under=injection.under)
            hit, killed = injection.hit, mode.startswith("kill") and ended.code == 137
            if hit is None:
                return None
        return holding.check(self.place, self.scenario, ended, killed, hit, self.secrets), hit, ended

    def numbers(self, modes):
        """The points of each mode: calls of a run without a fault, from the first on that names something of ours."""
        self.begin()
        arguments, stdin = self.command()
        injection = Injection("list", 0, "files")
        self.place.run(*arguments, stdin=stdin, under=injection.under)
        listed, root = injection.listed, str(self.place.root)
        first = next((at for at, (_, path) in enumerate(listed) if root in path), 0)
        for mode in modes:
            if mode in LIMITS:
                yield from ((mode, limit) for limit in LIMITS[mode])
                continue
            names = set(MODES[mode][1].split(","))
            mine = [at for at, (name, _) in enumerate(listed) if "files" in names or name in names]
            before = sum(1 for at in mine if at < first)
            # Some more, as runs differ by a call or two.
            yield from ((mode, number) for number in range(before + 1, len(mine) + 3))

    def close(self):
        if self.keyring:
            self.keyring.close()
        self.issuer.__exit__()
        shutil.rmtree(self.place.root, ignore_errors=True)


class Counts:
    def __init__(self):
        self.lock, self.runs, self.kills, self.faults, self.limits, self.missed = threading.Lock(), 0, 0, 0, 0, 0
        self.kinds, self.failures = collections.Counter(), []


def run(options):
    """Runs what the options choose, prints failures and counts; returns how many runs failed."""
    program, counts, began = Program(options.binary), Counts(), time.monotonic()
    points = typed(options.only) if options.only else planned(program, options)
    total = len(points)
    if options.seconds:
        random.Random(options.seed).shuffle(points)
    else:
        points.reverse()
    until = began + options.seconds if options.seconds else None
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as workers:
        for worker in [workers.submit(work, program, points, until, counts) for _ in range(options.jobs)]:
            worker.result()
    print(f"{counts.runs} runs of {total} points (seed {options.seed}, {time.monotonic() - began:.0f} s): "
          f"{counts.kills} kills, {counts.faults} faults, {counts.limits} limits; {counts.missed} points were not reached")
    print(", ".join(f"{kind} {counts.kinds[kind]}" for kind in (*holding.Verdict.KINDS, holding.Verdict.ALLOWED)))
    if counts.runs == 0:
        print("no run was made")
    return len(counts.failures) + (counts.runs == 0)


def typed(texts):
    points = []
    for text in texts:
        name, mode, number = text.split("/")
        points.append((name, mode, int(number)))
    return points


def planned(program, options):
    names = options.commands.split(",") if options.commands else list(SCENARIOS)
    if not keyring.there():
        skipped = [name for name in names if SCENARIOS[name].keyring]
        names = [name for name in names if name not in skipped]
        print(f"skipped, as there is no gnome-keyring here: {', '.join(skipped) or 'nothing'}")
    modes = options.modes.split(",") if options.modes else list(MODES)

    def plan(name):
        bed = Bed(program, SCENARIOS[name])
        points = [(name, *point) for point in bed.numbers(modes)]
        bed.close()
        return points[:: options.every]

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as planners:
        points = [point for part in planners.map(plan, names) for point in part]
    return sorted(points)


def work(program, points, until, counts):
    beds = {}
    while not (until and time.monotonic() > until):
        with counts.lock:
            if not points:
                break
            name, mode, number = points.pop()
        if name not in beds:
            beds[name] = Bed(program, SCENARIOS[name])
        result = beds[name].spoil(mode, number)
        with counts.lock:
            if result is None:
                counts.missed += 1
                continue
            counts.runs += 1
            counts.kills += mode.startswith("kill")
            counts.limits += mode in LIMITS
            counts.faults += not mode.startswith("kill") and mode not in LIMITS
            verdict, hit, ended = result
            counts.kinds.update({kind for kind, _ in verdict.found})
            if verdict.bad:
                counts.failures.append((name, mode, number))
                print(f"FAILED --only {name}/{mode}/{number} ({hit}; {ended})", flush=True)
                for kind, what in verdict.bad:
                    print(f"    {kind}: {what}", flush=True)
    for bed in beds.values():
        bed.close()


os.environ.setdefault("LC_ALL", "C.UTF-8")
