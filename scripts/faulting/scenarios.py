"""What scripts/sweep runs: a beginning, the command that is spoiled, and what may be there afterwards."""

from faulting.issuer import secret

SCENARIOS = {}


class Scenario:
    """`prepare` sets a place up; `command` gives arguments and stdin; `generations` of which a later token may be.

    `absent`: the profile may be missing afterwards. `done`: the generation after exit 0, if it has to be another.
    `voids`: the command drops tokens and keys, so that a later get may find records that do not open.
    """

    def __init__(self, name, prepare, command, generations=(1,), done=None, absent=False, voids=False, get=False,
                 keyring=None):
        self.name, self.prepare, self.command, self.generations = name, prepare, command, generations
        self.done, self.absent, self.voids, self.get = done, absent, voids, get
        # With a keyring of its own for each run; `moved` begins with the secrets in it.
        self.keyring = keyring
        SCENARIOS[name] = self


def nothing(_):
    """No beginning: neither directory is there."""


def chosen(place):
    place.must("init", "--backend", "file")


def stored(place):
    chosen(place)
    place.set(1, must=True, more=["--revocation-url", f"{place.issuer.url}/revoke",
                                  "--introspection-url", f"{place.issuer.url}/introspect"])


def cached(place):
    stored(place)
    place.must("token", "get", "-p", "p")


def with_fleet_key(place):
    cached(place)
    place.must(*place.program.fleet("key", "new", place.root / "exported"))


def with_store(place):
    """A fleet's store is named. It refuses connections at once: nothing listens on that port."""
    with_fleet_key(place)
    (place.config / "config.toml").write_text(f'[{place.program.section}]\nurl = "redis://127.0.0.1:1"\n')
    (place.config / "config.toml").chmod(0o600)


def with_login(place):
    with_store(place)
    place.must(*place.program.fleet("login", "set", "--user", "u", "--secret-stdin"), stdin=secret(3).encode())


def with_strangers(place):
    """Leftovers that doctor --fix removes: tokens of a profile that is gone."""
    cached(place)
    place.set(1, profile="q", must=True)
    place.must("token", "get", "-p", "q")
    (place.config / "profiles" / "q.toml").unlink()


def at_fetch(place):
    """`credentials set --secret-at-fetch` in place of what is stored."""
    arguments, _ = place.setting(1, more=["--secret-at-fetch", f"file:{place.root}/given"])
    arguments.remove("--secret-stdin")
    given = place.root / "given"
    given.write_text(secret(1))
    given.chmod(0o600)
    return arguments, b""


def plain(*arguments):
    return lambda place: ([part.format(config=place.config, root=place.root) for part in arguments], b"")


def fleet(*arguments, stdin=b""):
    return lambda place: (place.program.fleet(*[part.format(root=place.root) for part in arguments]), stdin)


def setting(generation, *more):
    return lambda place: place.setting(generation, more=list(more))


GET = ["token", "get", "-p", "p"]
MOVE = ["init", "--backend", "file", "--move", "--key-file", "{config}/key2"]

Scenario("get", stored, plain(*GET), get=True)
Scenario("refresh", cached, plain(*GET, "--refresh"), get=True)
Scenario("set-first", chosen, setting(1), absent=True)
Scenario("set-changed", cached, setting(2), generations=(1, 2), done=2)
Scenario("set-same", cached, setting(1))
Scenario("set-scope", cached, setting(1, "--scope", "a"))
Scenario("set-verify", cached, setting(2, "--verify"), generations=(1, 2), done=2)
Scenario("set-at-fetch", cached, at_fetch)
Scenario("remove", cached, plain("credentials", "remove", "-p", "p", "--yes"), absent=True)
Scenario("rekey", cached, plain("rekey"), voids=True)
Scenario("destroy", cached, plain("rekey", "--destroy", "--yes"), absent=True, voids=True)
Scenario("init", nothing, plain("init", "--backend", "file"), absent=True)
Scenario("move", cached, plain(*MOVE), voids=True)
Scenario("key-new", cached, fleet("key", "new"))
Scenario("key-new-file", cached, fleet("key", "new", "{root}/made"))
Scenario("key-import", with_fleet_key, fleet("key", "import", "{root}/exported"))
Scenario("key-remove", with_fleet_key, fleet("key", "remove"))
Scenario("login-set", with_store, fleet("login", "set", "--user", "u", "--secret-stdin", stdin=secret(3).encode()))
Scenario("login-remove", with_login, fleet("login", "remove"))
Scenario("forget", cached, plain("token", "forget", "-p", "p"))
Scenario("forget-all", cached, plain("token", "forget", "--all"))
Scenario("revoke", cached, plain("token", "revoke", "-p", "p"))
Scenario("validate", cached, plain("token", "validate", "-p", "p"))
Scenario("fix", with_strangers, plain("doctor", "--fix", "--yes"))
Scenario("doctor", cached, plain("doctor"))
Scenario("stats", cached, plain("stats"))
Scenario("lock", cached, plain("lock"))
Scenario("to-keyring", cached, plain("init", "--backend", "keyring", "--move"), voids=True, keyring="empty")
Scenario("from-keyring", cached, plain("init", "--backend", "file", "--move"), voids=True, keyring="moved")
