"""Calls that ask the issuer each time without a word, and what a monitor asks for."""

from faulting.answering import granted
from faulting.row import row


@row("R9", "expires_in 0, -1 or in the past for `never`: each call asks the issuer, without a word")
def lifetime_zero(bench):
    for given in (0, -1, "0", 0.4):
        with bench.answered(granted(expires_in=given)) as place:
            gets = [place.get() for _ in range(3)]
            if any(get.code for get in gets):
                yield f"expires_in {given!r}: {gets[0]}"
            elif place.issuer.count > 1 and "lifetime_zero" not in gets[0].err:
                yield f"expires_in {given!r}: {place.issuer.count} requests of 3 gets, and no warning"


@row("L11", "--min-ttl above the lifetime of tokens: each call asks the issuer, without a word")
def margin_above_lifetime(bench):
    for lifetime, margin in ((3600, "2h"), (60, "61s"), (300, "1h30m")):
        with bench.answered(lambda _, lifetime=lifetime: granted(expires_in=lifetime)) as place:
            gets = [place.get("--min-ttl", margin) for _ in range(3)]
            if place.issuer.count > 1 and "warning" not in gets[-1].err and gets[-1].code == 0:
                yield f"--min-ttl {margin}, tokens of {lifetime} s: {place.issuer.count} requests of 3 gets, and no warning"


@row("L20", "a monitor cannot ask for all profiles, for the last success, or for text of Prometheus")
def monitoring(bench):
    with bench.place() as place:
        place.must(*place.setting(1, profile="wrong")[0], stdin=b"a-wrong-secret")
        place.must("token", "get", "-p", "p")
        for more in ([], ["--json"]):
            ended = place.run("doctor", "--all", "--online", *more)
            if ended.code in (0, 2) or "wrong" not in ended.out:
                yield f"doctor --all --online {' '.join(more)} with a wrong secret in one of two profiles: {ended}"
        place.set(1, profile="wrong", must=True)
        if (ended := place.run("doctor", "--all", "--online")).code:
            yield f"doctor --all --online: {ended}"
        before = place.issuer.count
        ended = place.run("stats", "--prometheus")
        lines = [line for line in ended.out.splitlines() if line and not line.startswith("#")]
        if ended.code or not lines or not all(line.startswith("tokenkeep_") and len(line.rsplit(" ", 1)) == 2 for line in lines):
            yield f"stats --prometheus: {ended}"
        elif "# TYPE tokenkeep_" not in ended.out or not any('"p"' in line for line in lines):
            yield f"stats --prometheus: no types, or no profile: {ended.out[:80]}"
        if place.issuer.count != before:
            yield "stats --prometheus asks the issuer"
