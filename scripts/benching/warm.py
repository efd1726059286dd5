"""The warm `token get`, as a complete command, beside what else prints a kept token."""

from benching import chart, libraries, rivals
from benching.home import SECRET, Home
from benching.section import Section, Target
from benching.stopwatch import Candidate, Unfit, duration, in_turns, number

TRUE = "/bin/true"
KEY_FILE, KERNEL, FULL = "tokenkeep, key file", "tokenkeep, kernel tier", "tokenkeep-full alone, key file"
AGAINST = "tokenkeep of --against, key file"
FORMATS = ("json", "header", "env", "bearer", "headers", "headers-list", "kubernetes", "google", "curl")
ASKED = {
    "git": "capability[]=authtype\nprotocol=https\nhost=api.example.com\n\n",
    "docker": "https://api.example.com",
    "bazel": '{"uri":"https://api.example.com/"}',
}

TEXT = """
One complete command that prints an access token which is kept already: from `posix_spawn` to the return of `waitpid`.
Every candidate runs once a round, each round in another order, with nothing but what it needs in its environment.
Before the first round each is run twice, and has to print its token. None sends a request to an issuer: for the others,
proxies lead nowhere, and the loopback issuer that filled their caches counts no further request.

- **tokenkeep, key file**: `token get`, sealed files, the key beside the configuration.
- **kernel tier**: the key made of a passphrase, kept by the kernel (`keep_unlocked = "8h"`).
- **--format ...**, **helper ...**: the same in the words of a client; a helper reads its question on stdin.
- **tokenkeep-full**: the program that does everything, without the small one before it.
- **secret-tool**: prints a secret that lies in a real gnome-keyring on a session bus of its own. It knows nothing of a
  token's lifetime.
- **oidc-token**: asks a running oidc-agent, which answers from its memory. It has no client credentials grant: its
  token was got with a refresh token from a loopback issuer.
- **pass**: decrypts a file by gpg, with a key that has no passphrase. It knows nothing of lifetimes either.
- **spotipy, msal, google-auth**: the least Python program that prints the token from the file cache that each
  documents: `CacheFileHandler`; `SerializableTokenCache` and `http_cache`, each in a file; `from_authorized_user_file`.
"""


def measure(bench):
    issuer = bench.issuer()
    candidates, missing = [bench.true()], []
    for name, make in competitors(bench, issuer):
        try:
            candidate = make()
            candidate.prove()
            # The second time it has to come from where it is kept.
            candidate.prove()
            candidates.append(candidate)
        except Unfit as why:
            missing.append((name, str(why)))
    asked = bench.rivals.requests() + issuer.count()
    rounds = bench.rounds(150, 15)
    figures = in_turns(candidates, rounds)
    if bench.rivals.requests() + issuer.count() != asked:
        raise SystemExit("bench: an issuer was asked while warm commands were timed")
    return section(candidates, figures, missing, rounds)


def competitors(bench, issuer):
    yield KEY_FILE, lambda: key_file(bench, issuer, KEY_FILE, bench.tokenkeep)
    yield KERNEL, lambda: kernel_tier(bench, issuer)
    if bench.full:
        yield FULL, lambda: key_file(bench, issuer, FULL, bench.full)
    if bench.against:
        yield AGAINST, lambda: key_file(bench, issuer, AGAINST, bench.against)
    for kind in FORMATS:
        yield f"tokenkeep --format {kind}", lambda kind=kind: form(bench, issuer, kind)
    for client in ASKED:
        yield f"tokenkeep helper {client}", lambda client=client: helper(bench, issuer, client)
    yield "Rust, empty main", lambda: rivals.no_op(bench)
    yield "oidc-token", lambda: rivals.oidc_token(bench)
    yield "secret-tool lookup", lambda: rivals.secret_tool(bench)
    yield "pass show", lambda: rivals.pass_show(bench)
    python = None

    def of_python(make):
        nonlocal python
        python = python or libraries.Python(bench)
        return make(python)

    for name, make in [
        ("python3 -c pass", libraries.Python.empty),
        ("google-auth", libraries.Python.google_auth),
        ("msal", libraries.Python.msal),
        ("spotipy", libraries.Python.spotipy),
    ]:
        yield name, lambda make=make: of_python(make)


def key_file(bench, issuer, name, program):
    home = Home(bench.tokenkeep, bench.folder("home")).with_key_file(issuer.token_url)
    token = home.tell("token", "get")
    return home.get(name, program=program, version=bench.version(program), prints=token)


def form(bench, issuer, kind):
    home = Home(bench.tokenkeep, bench.folder("home")).with_key_file(issuer.token_url)
    home.tell("token", "get")
    return home.get(f"tokenkeep --format {kind}", "--format", kind, version=bench.version())


def helper(bench, issuer, client):
    home = Home(bench.tokenkeep, bench.folder("home")).with_key_file(issuer.token_url)
    home.tell("credentials", "set", "--host", "api.example.com", "--secret-stdin", stdin=SECRET.encode())
    home.tell("token", "get")
    asked = home.folder / "asked"
    asked.write_text(ASKED[client])
    command = [bench.tokenkeep, "helper", client, "get"]
    return Candidate(f"tokenkeep helper {client}", command, home.environment, bench.version(), stdin=str(asked))


def kernel_tier(bench, issuer):
    home = Home(bench.tokenkeep, bench.folder("home"), '[secrets]\nkeep_unlocked = "8h"\n')
    home.with_kernel_tier(issuer.token_url)
    # The kernel would keep the key for hours.
    bench.closing.callback(home.tell, "lock")
    try:
        token = home.tell("token", "get")
    except RuntimeError as why:
        raise Unfit("this kernel, or this container, keeps no key (no persistent keyring)") from why
    return home.get(KERNEL, version=bench.version(), prints=token)


def section(candidates, figures, missing, rounds):
    base = figures[TRUE].median
    by_speed = sorted(candidates, key=lambda candidate: figures[candidate.name].median)
    rows = []
    for candidate in by_speed:
        figure = figures[candidate.name]
        name = f"**{candidate.name}**" if candidate.name.startswith("tokenkeep") else candidate.name
        ratio = f"{figure.median / base:,.2f}"
        rows.append([name, number(figure.median), ratio, figure.spread(), candidate.version])
    rows += [[name, "–", "–", "–", f"not measured: {why}"] for name, why in missing]
    bars = [
        chart.Bar(
            candidate.name,
            figures[candidate.name].median,
            duration(figures[candidate.name].median),
            candidate.name.startswith("tokenkeep"),
        )
        for candidate in by_speed
        if not is_of_client(candidate.name)
    ]
    subtitle = "median of complete commands; logarithmic: each line to the right is ten times as long"
    return Section(
        name="warm",
        title="Warm `token get`, complete command",
        text=TEXT,
        header=["command", "median, µs", "× /bin/true", "p10 – p90, µs", "version"],
        rows=rows,
        targets=list(targets(figures)),
        charts={"warm.svg": chart.bars("A token that is kept, one command", subtitle, bars, logarithmic=True)},
        rounds=f"{rounds} rounds",
    )


def is_of_client(name):
    return name.startswith(("tokenkeep --format", "tokenkeep helper"))


def targets(figures):
    median = {name: figure.median for name, figure in figures.items()}
    for name in filter(is_of_client, median):
        yield Target(f"{name}, beside /bin/true", median[name] / median[TRUE], 1.0, " ×")
        yield Target(f"{name}, beside /bin/true: the goal", median[name] / median[TRUE], 0.7, " ×", goal=True)
    for name in (KEY_FILE, KERNEL):
        if name in median:
            yield Target(f"{name}, beside /bin/true", median[name] / median[TRUE], 1.0, " ×")
            yield Target(f"{name}, beside /bin/true: the goal", median[name] / median[TRUE], 0.75, " ×", goal=True)
    if KEY_FILE not in median:
        return
    if AGAINST in median:
        yield Target(f"{KEY_FILE}, beside {AGAINST}", median[KEY_FILE] / median[AGAINST], 1.02, " ×")
    if "oidc-token" in median:
        yield Target("beside oidc-token", median[KEY_FILE] / median["oidc-token"], 0.4, " ×")
    for name, times in (("secret-tool lookup", 30), ("spotipy", 400)):
        if name in median:
            yield Target(f"faster than {name}", median[name] / median[KEY_FILE], times, " ×", at_least=True)
