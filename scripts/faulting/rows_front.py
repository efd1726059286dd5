"""The thin front, which passes on to the full program what it cannot do itself; and two faults of the library."""

import os
import subprocess
import time

from faulting.row import Skipped, generation, row

NO_PROC = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc; exec "$@"', "sh"]


@row("T1", "library: after a rekey at the wrong moment a keeper uses the dead key for good")
def dead_key(bench):
    raise Skipped("threads of one process of the library: cargo test --test suite library::")


@row("T2", "library: a token that was rejected is handed out again for a second")
def rejected(bench):
    raise Skipped("threads of one process of the library: cargo test --lib keeper::")


@row("T3", "the front needs 64 MiB of address space and dies by SIGSEGV below")
def address_space(bench):
    front = bench.front()
    for limit in ("-v 60000", "-v 40000", "-v 30000", "-d 32768", "-d 8192", "-d 2048"):
        with bench.place() as place:
            place.must("token", "get", "-p", "p")
            full = place.shell(f'ulimit {limit}; exec "$@"', arguments=["token", "get", "-p", "p"],
                               program=f"{front}-full")
            ended = place.shell(f'ulimit {limit}; exec "$@"', arguments=["token", "get", "-p", "p"], program=front)
            # A development build of the full program is larger than its limit: then any clean answer of the front will do.
            if ended.code != 0 and (full.code == 0 or ended.code > 124):
                yield f"ulimit {limit}: {ended}, the full program: exit {full.code}"


@row("T4", "the front fails while it is replaced by an upgrade")
def replaced(bench):
    front = bench.front()
    with bench.place() as place:
        folder = place.root / "bin"
        folder.mkdir()
        os.link(f"{front}-full", folder / "tokenkeep-full") if same_disk(front, folder) else copy(f"{front}-full", folder)
        copy(front, folder)
        ours = str(folder / "tokenkeep")
        copying = subprocess.Popen(["bash", "-c", f"while :; do cp {front} {folder}/.n; mv {folder}/.n {ours}; done"])
        failed, until, runs = None, time.monotonic() + 6, 0
        while time.monotonic() < until:
            ended = place.run("--version", program=ours)
            runs += 1
            failed = failed or (ended if ended.code != 0 else None)
        copying.kill()
        copying.wait()
        if failed:
            yield f"while it is replaced ({runs} runs): {failed}"
        file = os.open(ours, os.O_RDONLY)
        os.unlink(ours)
        ended = place.run("--version", program=f"/proc/self/fd/{file}", fds=[file])
        os.close(file)
        if ended.code != 0:
            yield f"started from a file that is gone: {ended}"


def same_disk(front, folder):
    return os.stat(front).st_dev == os.stat(folder).st_dev


def copy(path, folder):
    subprocess.run(["cp", path, folder], check=True)


@row("T5", "without /proc the front can do nothing but print a cached token")
def without_proc(bench):
    front = bench.front()
    with bench.place() as place:
        for arguments in (["token", "get", "-p", "p", "--json"], ["token", "get", "-p", "p", "--refresh"], ["--version"]):
            ended = place.run(*arguments, under=NO_PROC, program=front)
            if ended.code != 0:
                yield f"{' '.join(arguments)}: {ended}"


@row("T6", "the memory of the front runs out and it aborts, where the full program answers")
def memory(bench):
    front = bench.front()
    many = f"{front}-full"
    with bench.place() as place:
        passwd = place.root / "passwd"
        line = "user{0}:x:{0}:{0}:A user with a name:/home/user{0}:/bin/sh\n"
        passwd.write_text("".join(line.format(number) for number in range(1000, 400_000)) + "root:x:0:0:root:/root:/bin/sh\n")
        hidden = ["unshare", "-m", "sh", "-c", f'mount --bind {passwd} /etc/passwd; exec "$@"', "sh"]
        empty = {"TOKENKEEP_CONFIG_DIR": str(place.root / "empty")}
        yield from alike(place, front, many, "a large /etc/passwd", ["token", "get"], under=hidden, environment=empty)
        elements = ", ".join(['"a"'] * 11_000)
        text = f'[{bench.program.section}]\npassword = {{ command = [{elements}] }}\n'
        dotted = ".".join("a" * 1 for _ in range(74))
        whole = (place.config / "profiles" / "p.toml").read_text()
        (place.config / "config.toml").write_text(text)
        place.profile_text(lambda had: "\n".join(f"k{number}.{dotted} = 1" for number in range(400)) + "\n" + had)
        yield from alike(place, front, many, "files that take much memory", ["token", "get", "-p", "p"])
        (place.config / "config.toml").unlink()
        place.profile_text(lambda _: whole)
        script = """import os, sys
os.execve(sys.argv[1], sys.argv[1:], dict(os.environ) | {f"variable_{number}": "1" for number in range(400_000)})"""
        under = ["bash", "-c", 'ulimit -s unlimited; exec python3 -c "$0" "$@"', script]
        yield from alike(place, front, many, "400,000 variables", ["--version"], under=under)


def alike(place, front, full, what, arguments, **how):
    by_front, by_full = (place.run(*arguments, program=program, **how) for program in (front, full))
    if by_front.code != by_full.code:
        yield f"{what}: {by_front}; the full program: exit {by_full.code}"


@row("T7", "an inherited TOKENKEEP_FRONT_PROCESS with the same number in another PID namespace is refused")
def inherited(bench):
    front = bench.front()
    with bench.place() as place:
        for under in (["unshare", "--pid", "--fork"], []):
            for value in ("1", "2", "999999", "", "x"):
                ended = place.run("--version", under=under, program=front, environment={"TOKENKEEP_FRONT_PROCESS": value})
                if ended.code != 0:
                    yield f"with {value!r} under {' '.join(under) or 'nothing'}: {ended}"
        script = f'["{front}", "--version"]'
        place.must("credentials", "set", "-p", "p", "--secret-at-fetch", f"command:{script}")
        ended = place.get("--refresh", under=["unshare", "--pid", "--fork"], program=front)
        if "another copy" in ended.err:
            yield f"a front inside a secret's command: {ended}"


@row("T8", "the front's own errors are text where --json was asked for")
def json_errors(bench):
    front = bench.front()
    with bench.place() as place:
        folder = place.root / "bin"
        folder.mkdir()
        copy(front, folder)
        ended = place.get("--json", "--refresh", program=str(folder / "tokenkeep"))
        if ended.code != 1 or not ended.err.lstrip().startswith("{"):
            yield f"without its full program: {ended}"
        ended = place.get("--refresh", "--color", "always", program=str(folder / "tokenkeep"))
        if "\x1b[" not in ended.err:
            yield f"with --color always: {ended}"
        if generation(place.get(program=front).out) != 1:
            yield "the front beside its full program gives no token"
