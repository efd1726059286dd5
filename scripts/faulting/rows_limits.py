"""Limits, closed descriptors, stopped processes, programs that do not end, clocks."""

import os
import signal
import time

from faulting.issuer import secret
from faulting.place import end, finish
from faulting.row import generation, lost, row
from faulting.rows_keeping import wait_for


@row("D4", "under a file size limit the process is killed and the token that was just issued is lost")
def file_size_limit(bench):
    for blocks in (0, 1, 4, 8, 16, 24, 32, 64):
        for command in (["token", "get", "-p", "p", "--refresh"], ["credentials"], ["rekey"], ["doctor"], ["stats"]):
            with bench.place() as place:
                for _ in range(3):
                    place.must("token", "get", "-p", "p", "--refresh")
                arguments, stdin = place.setting(1, more=["--scope", "a"]) if command == ["credentials"] else (command, b"")
                ended = place.shell(f'ulimit -f {blocks}; exec "$@"', arguments=arguments, stdin=stdin)
                if ended.code > 124:
                    yield f"{command[0]} with ulimit -f {blocks}: {ended}"
                if command[0] == "token" and generation(ended.out) != 1:
                    yield f"get with ulimit -f {blocks}: no token, {ended}"
                yield from lost(place, f"{command[0]} with ulimit -f {blocks}")


@row("D6", "one fetch under a clock that is ahead, and nothing is cached any more without a boot id")
def clock_ahead(bench):
    hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc; exec "$@"', "sh"]
    for ahead in ("+10y", "+2d", "+2h"):
        with bench.place() as place:
            place.get(under=[*hidden, "faketime", "-f", ahead])
            before = place.issuer.count
            gets = [place.get(under=hidden) for _ in range(3)] + [place.get() for _ in range(3)]
            if any(get.code for get in gets):
                yield f"after a clock {ahead}: {next(get for get in gets if get.code)}"
            # With /proc there is a boot id again: a record without one may be fetched again once.
            if (asked := place.issuer.count - before) > 2:
                yield f"after a clock {ahead}: 6 gets made {asked} requests"
    with bench.place() as place:
        first = place.get(under=["unshare", "-T", "--boottime", "1000000", "--fork"])
        before = place.issuer.count
        again = place.get("--refresh")
        if place.issuer.count == before or again.out == first.out:
            yield "--refresh beside another time namespace gives the old token, without a request"
        before = place.issuer.count
        if (again := [place.get() for _ in range(3)]) and place.issuer.count > before:
            yield f"then 3 gets made {place.issuer.count - before} requests ({again[0]})"


@row("D18", "a time-out near 2^64 seconds makes the process panic")
def endless_timeout(bench):
    for name in ("timeout", "connect_timeout"):
        for value in ("18446744073709551615s", "18446744073709551610s", "9223372036854775807s", "300000000000h", "0s"):
            with bench.place() as place:
                (place.config / "config.toml").write_text(f'[http]\n{name} = "{value}"\n')
                for command in (["token", "get", "-p", "p", "--refresh"], ["token", "get", "-p", "p"], ["doctor"]):
                    ended = place.run(*command)
                    if ended.code == 1 or ended.code >= 124 or "a bug" in ended.err:
                        yield f"{command[0]} with {name} = {value}: {ended}"
    with bench.place() as place:
        for value in ("18446744073709551615s", "300000000000h"):
            ended = place.get("--min-ttl", value)
            if ended.code == 1 or ended.code >= 124:
                yield f"get --min-ttl {value}: {ended}"


@row("D20", "a secret's program whose child keeps the pipe costs 10 s and then fails; it outlives Ctrl-C")
def program_with_children(bench):
    for script in ("printf '%s' {secret}; sleep 30 & echo $! >> {pids}", "(sleep 30 & echo $! >> {pids}); printf '%s' {secret}"):
        with bench.place(bare=True) as place:
            pids = place.root / "pids"
            by_command(place, script.format(secret=secret(1), pids=pids))
            ended = place.get()
            if ended.code != 0 or ended.seconds > 5:
                yield f"a grandchild that keeps the pipe: {ended.seconds:.1f} s, {ended}"
            for pid in map(int, pids.read_text().split()):
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with bench.place(bare=True) as place:
            marker = place.root / "program"
            by_command(place, f"echo $$ > {marker}; exec sleep 30")
            get = place.start("token", "get", "-p", "p")
            wait_for(lambda: marker.exists() and marker.read_text().strip())
            program = int(marker.read_text())
            os.kill(get.pid, how)
            get.wait(20)
            wait_for(lambda: not alive(program), 3)
            if alive(program):
                os.kill(program, signal.SIGKILL)
                yield f"the program still runs after {how.name}"


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def by_command(place, script):
    """A profile `p` whose secret a shell prints."""
    place.must("init", "--backend", "file")
    place.set(1, must=True)
    text = f'["/bin/sh", "-c", {quoted(script)}]'
    arguments, _ = place.setting(1, more=["--secret-at-fetch", f"command:{text}"])
    arguments.remove("--secret-stdin")
    place.must(*arguments)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@row("D21", "with a closed stdout the exit code is 0 and the token is lost")
def closed_stdout(bench):
    for line, name in (('exec "$@" >&-', "closed stdout"), ('exec "$@" >/dev/full', "full stdout")):
        for arguments in (["token", "get", "-p", "p"], ["token", "get", "-p", "p", "--json"],
                          ["token", "get", "-p", "p", "--format", "env"], ["credentials", "list"]):
            with bench.place() as place:
                ended = place.shell(line, arguments=arguments)
                if arguments[0] == "token" and ended.code != 9:
                    yield f"{' '.join(arguments[3:]) or 'get'} with a {name}: {ended}"
                yield from lost(place, name)
    with bench.place() as place:
        for line in ('exec "$@" <&-', 'exec "$@" 2>&-', 'exec "$@" <&- 2>&-'):
            ended = place.shell(line, arguments=["token", "get", "-p", "p"])
            if ended.code != 0 or generation(ended.out) != 1:
                yield f"{line}: {ended}"


@row("D26", "if the process that fetches is stopped, all that wait ask the issuer at once")
def stopped_holder(bench):
    with bench.place(latency=0.5) as place:
        (place.config / "config.toml").write_text('[http]\ntimeout = "2s"\nconnect_timeout = "1s"\n')
        holder = place.start("token", "get", "-p", "p")
        wait_for(lambda: place.issuer.count)
        os.kill(holder.pid, signal.SIGSTOP)
        others = [place.start("token", "get", "-p", "p") for _ in range(16)]
        ended = [finish(process, 40) for process in others]
        end(holder, signal.SIGCONT)
        finish(holder)
        if failed := [outcome for outcome in ended if outcome.code != 0]:
            yield f"{len(failed)} of 16 that waited failed: {failed[0]}"
        if place.issuer.count > 3:
            yield f"{place.issuer.count} requests for 17 processes ({max(o.seconds for o in ended):.1f} s)"
    time.sleep(0.1)
