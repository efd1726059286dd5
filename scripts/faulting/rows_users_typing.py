"""What is typed wrongly, and help."""

import re
import shlex

from faulting.answering import granted, http
from faulting.issuer import secret
from faulting.row import row
from faulting.terminal import Terminal

TYPED = "typed-secret-0123456789"
SET = ["credentials", "set", "--client-id", "x", "--token-url", "https://id.example.com/token"]
DESTROYS = re.compile(r"\b(remove|forget|revoke|rekey|lock)\b")
COMMANDS = ([], ["init"], ["credentials"], ["credentials", "set"], ["token"], ["token", "get"], ["token", "validate"], ["doctor"],
            ["stats"])


@row("R22", "a hint of a usage error names no command, and ends in the same error if it is followed")
def hint_of_usage(bench):
    with bench.place() as place:
        for line, command in (("token get --zzz", "token get "), ("-p x token get --min-ttl soon", "token get "),
                              ("credentials set --client-id", "credentials set "), ("doctor --nope", "doctor "),
                              ("--nonsense", ""), ("token get --refresh --offline", "token get "), ("stats --by nope", "stats "),
                              ("credentials set --client-id x --auth nope", "credentials set ")):
            ended = place.run(*line.split())
            if ended.code != 2 or f"run tokenkeep {command}--help" not in ended.hint:
                yield f"{line}: {ended}"
            elif (followed := place.run(*command.split(), "--help")).code:
                yield f"{line}: the hint, followed: {followed}"


@row("R23", "the hint for a wrong secret leaves the profile out")
def hint_for_profile(bench):
    refusals = {"a wrong secret": http("401 Unauthorized", {"error": "invalid_client"}),
                "another type": granted(token_type="Other"),
                "words of its own": http("400 Bad Request", {"error": "invalid_client_id"}),
                "a wrong request": http("400 Bad Request", {"error": "invalid_request"})}
    for what, reply in refusals.items():
        with bench.answered(reply) as place:
            for name in ("billing", "a.b_c"):
                place.must(*place.setting(1, profile=name)[0], stdin=b"wrong")
                ended = place.run("token", "get", "-p", name)
                if f"-p {name}" not in ended.hint:
                    yield f"{what}, {name}: {ended}"
    with bench.place() as place:
        for name, edit in (("moved", lambda text: text.replace("/token", "/other", 1)), ("keyless", None)):
            place.must(*place.setting(1, profile=name)[0], stdin=b"wrong")
            if edit:
                place.profile_text(edit, name)
            else:
                place.must("credentials", "set", "-p", name, "--secret-at-fetch", "env:NO_SUCH_VARIABLE")
            ended = place.run("token", "get", "-p", name)
            if "tokenkeep credentials" in ended.hint and f"-p {name}" not in ended.hint or ended.code == 0:
                yield f"{name}: {ended}"


@row("R24", "--client-secret and --secret are taken for a slip of another flag")
@row("L13", "a secret as an argument is not said to be one")
def secret_as_argument(bench):
    with bench.place() as place:
        for flag in (["--client-secret", TYPED], ["--secret", TYPED], ["--secret=" + TYPED], ["--client-secret=" + TYPED],
                     ["--password", TYPED]):
            ended = place.run("--json", *SET, *flag)
            is_told = re.search("secret.*argument", ended.error.get("message", "")) and "--secret-stdin" in ended.hint
            if ended.code != 2 or TYPED in ended.err or not is_told:
                yield f"{flag[0].partition('=')[0]}: {ended}"


@row("R25", "a secret in a profile is an unknown key like any other")
def secret_in_profile(bench):
    for line in (f'client_secret = "{TYPED}"', f'secret = "{TYPED}"', f'password = "{TYPED}"'):
        with bench.place() as place:
            place.profile_text(lambda had, line=line: f"{line}\n{had}")
            ended = place.get("--refresh")
            if ended.code != 3 or TYPED in ended.err or not re.search(r"credentials set|\{ *file", ended.err):
                yield f"{line.split()[0]}: {ended}"


# What people type from habit, and what they mean.
MEANT = {
    "get": "token get", "get p": "token get -p p", "token get p": "token get -p p", "token get p --json": "token get -p p",
    "credentials show p": "credentials show -p p", "login": "credentials set", "list": "credentials list",
    "credentials add": "credentials set", "credentials delete": "credentials remove", "token valdate": "token validate",
    "token show": "token get", "credential list": "credentials",
}


@row("R26", "token get NAME and get are refused without what was meant")
@row("L12", "unknown commands lead nowhere, or to one that destroys; help is no command")
def what_was_meant(bench):
    with bench.place() as place:
        for typed, meant in MEANT.items():
            ended = place.run(*typed.split())
            if ended.code != 2 or f"tokenkeep {meant}" not in ended.hint:
                yield f"{typed}: {ended}"
        for typed in ("credentials rename", "credentials rename -p p q", "credentials move", "credentials restore", "remote",
                      "relay", "unlock"):
            if (found := DESTROYS.search((ended := place.run(*typed.split())).hint)) or ended.code != 2:
                yield f"{typed}: leads to {found and found[0]}: {ended}"
        for typed in ("", "help", "help token", "token", "credentials", "help token get"):
            ended = place.run(*typed.split())
            if ended.code or "Usage: " not in ended.out:
                yield f"{typed or 'nothing'}: {ended}"
        if "-p p" not in (ended := place.run("token", "get", "-p", "pp")).hint:
            yield f"a profile that is nearly there: {ended}"


@row("R47", "a command of the contract that is not there is unknown, with nothing that works in its place")
def promised_command(bench):
    with bench.place() as place:
        for line in ("exec -p p -- true", "exec -- true", "curl -p p -- https://127.0.0.1:9/", "watch --file x"):
            ended = place.run(*line.split())
            if "not known" in ended.err and "token get" not in ended.hint:
                yield f"{line}: {ended}"


@row("L17", "help breaks words at 80 columns, and has no example")
def help_at_80(bench):
    with bench.place(bare=True) as place:
        for command in COMMANDS:
            for columns in (60, 80):
                with Terminal(place, *command, "--help", columns=columns, environment={"COLUMNS": str(columns)}) as terminal:
                    terminal.ends()
                text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.shown).replace("\r", "")
                # Lines of an example are typed as they stand.
                for line in re.split(r"\n(?:Examples|Begin here):", text)[0].splitlines():
                    is_one = len(line.split()) < 2 or line.startswith("Usage:") or line.lstrip().startswith("--")
                    if len(line) > columns and not is_one:
                        yield f"{' '.join(command) or 'tokenkeep'} --help at {columns}: a line of {len(line)}"
                        break
            if command in ([], ["credentials", "set"], ["token", "get"]) and "\n  tokenkeep " not in text.partition("Usage:")[2]:
                yield f"{' '.join(command) or 'tokenkeep'} --help: no example"


@row("L18", "a shell completes neither profiles nor providers")
def completion(bench):
    with bench.place() as place:
        place.must(*place.setting(1, profile="billing")[0], stdin=secret(1).encode())
        (place.root / "tokenkeep").symlink_to(place.program.path)
        script = place.must("completions", "bash").out
        for line, known in (("tokenkeep token get -p ", {"billing", "p"}), ("tokenkeep --profile bil", {"billing"}),
                            ("tokenkeep credentials set --provider spot", {"spotify"})):
            words = line.split(" ")
            ask = (f"PATH={place.root}:$PATH\n{script}\nCOMP_WORDS=({shlex.join(words)})\nCOMP_CWORD={len(words) - 1}\n"
                   f'_tokenkeep tokenkeep {shlex.quote(words[-1])} {shlex.quote(words[-2])}\necho "${{COMPREPLY[*]}}"\n')
            ended = place.run("-c", ask, program="/bin/bash")
            if set(ended.out.split()) != known:
                yield f"{line!r}: {ended.out.strip()[:80] or ended!s}"


@row("L19", "no output says whether anything changed")
def changed(bench):
    with bench.place(bare=True) as place:
        set_p, stdin = place.setting(1)
        file = place.root / "fleet-key"
        fleet = bench.program.fleet
        # What is repeated changes nothing.
        for command, first, again in (
            (["init", "--backend", "file"], True, False), (set_p, True, False), ([*set_p, "--scope", "a"], True, False),
            ([*set_p, "--scope", "a", "--default"], False, False), (["rekey"], True, True), (fleet("key", "new"), True, True),
            (fleet("key", "export", file), True, None), (fleet("key", "import", file), False, False),
            (fleet("key", "remove"), True, False),
            (bench.program.fix, False, False), (["token", "forget", "-p", "p"], True, False),
            (["credentials", "remove", "-p", "p", "--yes"], True, False),
        ):
            if "forget" in command:
                place.run("token", "get", "-p", "p")
            for expected in (first, again):
                ended = place.run("--json", *command, stdin=stdin) if expected is not None else None
                if ended and (ended.code or ended.json.get("changed") is not expected):
                    yield f"{' '.join(map(str, command[:2]))}, changed should be {expected}: {ended}"
