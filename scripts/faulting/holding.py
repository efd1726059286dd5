"""What has to hold after each run of a sweep or a storm, checked without a fault."""

import base64
import re
import stat

from faulting.issuer import secret
from faulting.place import LATER
from faulting.row import generation

# What a secret or a token is found by, whatever surrounds it.
CANARIES = [secret(number) for number in (1, 2, 3)] + ["tk.client-a."]


def forms(text):
    """A text raw, in hexadecimal, and as each of the three ways in which Base64 can hold it within something longer."""
    raw = text.encode() if isinstance(text, str) else text
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for before in range(3):
        coded = base64.b64encode(bytes(before) + raw)
        inner = coded[(0, 2, 3)[before] : len(coded) - 4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


PATTERN = re.compile(b"|".join(re.escape(form) for text in CANARIES for form in dict.fromkeys(forms(text))))


def leaks(place, streams):
    """Where a secret, a token or the data key shows: in a stream of (name, text), or in a file."""
    for name, text in streams:
        if PATTERN.search(text.encode(errors="replace")):
            yield f"a secret or token on {name}"
    keys = [path.read_bytes() for path in place.config.glob("key*") if path.is_file()]
    key_pattern = re.compile(b"|".join(re.escape(form) for key in keys if len(key) == 32 for form in forms(key)) or b"(?!)")
    for path in place.all_files():
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if PATTERN.search(content):
                yield f"a secret or token in {path.relative_to(place.root)}"
            if not (path.parent == place.config and "key" in path.name or path.suffix == ".tmp") and key_pattern.search(content):
                yield f"the data key in {path.relative_to(place.root)}"


def open_modes(place):
    for path in [place.config, place.data, *place.all_files()]:
        if path.exists() and not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            # What the user may write, too, and holds no secret, may be read; the rest is its owner's. A key has 32 bytes.
            text = path.suffix == ".toml" or path.parent.name == "profiles"
            text = text or path.parent == place.config and path.suffix == ".tmp" and path.stat().st_size != 32
            if mode & (0o022 if text else 0o077):
                yield f"{path.relative_to(place.root)} has mode {mode:o}"


def left_over(place, secrets, tokens):
    """What a fix and some gets have not cleared up; `secrets` and `tokens` are how many there may be."""
    for path in place.all_files():
        if path.name.endswith((".tmp", ".new", ".old")) or path.name.startswith("doctor."):
            yield f"{path.relative_to(place.root)} stays"
    for folder, most in (("secrets", secrets), ("tokens", tokens), ("locks", tokens + 1)):
        if len(place.files(folder)) > most:
            yield f"{len(place.files(folder))} files in {folder}/, of {most} at most"


class Verdict:
    """What was found wrong after one run, by kind."""

    KINDS = ("credentials lost", "tokens lost", "torn", "leaked", "left over", "open modes", "crashed", "wrong word")
    # Counted and not held against it: std and tokio fail or panic without epoll, an eventfd or stderr. What is left still counts.
    ALLOWED = "failures inside std or tokio"

    def __init__(self):
        self.found = []

    @property
    def bad(self):
        return [(kind, what) for kind, what in self.found if kind != Verdict.ALLOWED]

    def add(self, kind, what):
        self.found.append((kind, str(what)))


def check(place, scenario, ended, killed, hit, secrets):
    """Checks the place after a run that ended so. `hit` is the call that was spoiled, `secrets` how many there may be."""
    verdict = Verdict()
    streams = [("stderr", ended.err)] + ([] if scenario.get else [("stdout", ended.out)])
    if not killed and (ended.code in (1, 101, 124) or ended.code >= 128):
        words = ended.err + ended.out
        # An exec that is spoiled itself leaves the front with nothing but to say so, which it does with the code of the contract.
        exec_spoiled = r"tokenkeep-full cannot be started"
        foreign = ended.code == 1 and (
            not ended.err or re.search(rf"/rustc/|/registry/|/library/std/|no runtime|{exec_spoiled}", words))
        verdict.add(Verdict.ALLOWED if foreign else "crashed", ended)
    if scenario.get and ended.code == 0 and generation(ended.out) != 1:
        verdict.add("tokens lost", f"exit 0 and no token: {ended}")
    if scenario.get and not killed and ended.code != 0 and hit and re.search(r"/(tokens|locks)\b|\bledger", hit):
        verdict.add("tokens lost", ended)
    for what in open_modes(place):
        verdict.add("open modes", what)
    follow(place, scenario, ended, killed, verdict, streams, secrets)
    for what in leaks(place, streams):
        verdict.add("leaked", what)
    return verdict


def follow(place, scenario, ended, killed, verdict, streams, secrets):
    first = place.get()
    # A removal that was interrupted may have taken the secret and not yet the profile: then only a cached token is left.
    gone = scenario.absent and (first.code in (3, 8) or first.code == 0 and place.get("--refresh").code == 3)
    if scenario.absent and not gone:
        first = place.get()
    if gone:
        # What was not set, or was removed, can be set: by the same commands, or those of a fresh machine.
        again = place.run("init", "--backend", "file"), place.set(1)
        streams += [("stderr of init", again[0].err), ("stderr of set", again[1].err)]
        first = place.get("--refresh")
        if again[0].code or again[1].code or first.code:
            verdict.add("credentials lost", f"then init: {again[0]}; set: {again[1]}; get: {first}")
            return
    streams.append(("stderr of get", first.err))
    had = generation(first.out)
    if first.code != 0 or had not in scenario.generations:
        verdict.add("credentials lost", f"then get: {first}")
        return
    if "unseal_failed" in first.err and not scenario.voids:
        verdict.add("torn", first)
    if ended.code == 0 and not killed and scenario.done not in (None, had):
        verdict.add("wrong word", f"exit 0, yet a token of generation {had}")
    if ended.code != 0 and not killed and scenario.done == had and had != 1 and "as it was" in ended.err:
        verdict.add("wrong word", f"the new credential is in place: {ended}")
    second = place.get()
    if second.code != 0 or second.out != first.out:
        verdict.add("tokens lost", f"a second get: {second}; the first: {first}")
    fresh = place.get("--refresh")
    if fresh.code != 0 or generation(fresh.out) not in scenario.generations:
        verdict.add("credentials lost", f"then get --refresh: {fresh}")
    elif not gone and generation(fresh.out) != had:
        verdict.add("credentials lost", f"first generation {had}, then {generation(fresh.out)}")
    show = place.run("credentials", "show", "-p", "p")
    if show.code != 0:
        verdict.add("credentials lost", f"then show: {show}")
    fix = place.fix()
    if fix.code not in (0, 5):
        verdict.add("left over", f"doctor --fix: {fix}")
    last = place.get()
    if last.code != 0:
        verdict.add("credentials lost", f"then get after doctor --fix: {last}")
    # The temporary of a writer that may still live goes when it is old.
    if list(left_over(place, secrets, tokens=1)):
        place.fix(under=LATER)
    for what in left_over(place, secrets, tokens=1):
        verdict.add("left over", what)
    streams += [("output of show", show.out + show.err), ("output of doctor", fix.out + fix.err), ("stderr", last.err)]
