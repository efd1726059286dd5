"""URLs and other words of a profile, as people copy and type them."""

from faulting.answering import Answerer, granted, http
from faulting.issuer import CLIENT, secret
from faulting.row import Skipped, row

SET = ["credentials", "set", "--client-id", CLIENT, "--secret-stdin"]
# What stands for a name while a command runs.
HOSTS = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']


def setting(place, *more, **how):
    return place.run(*SET, "--replace", *more, stdin=secret(1).encode(), **how)


@row("F16", "a URL with a gap in it is taken, and looks like a network that is down")
def gaps(bench):
    with bench.place(bare=True) as place:
        place.must("init", "--backend", "file")
        for gap in ("{tenant}", "<your tenant>", "$TENANT", "${TENANT}", "{{ realm }}", "<host>", "$(tenant)"):
            for url in (f"https://{gap}.example.com/token", f"https://id.example.com/{gap}/token"):
                for flag in ("--token-url", "--issuer", "--probe-url"):
                    more = ["--token-url", "https://id.example.com/token"] if flag == "--probe-url" else []
                    ended = setting(place, "-p", "p", flag, url, *more)
                    if ended.code not in (2, 3, 10) or gap not in ended.err:
                        yield f"{flag} {url}: {ended}"


@row("R46", "a port 0, a domain without a dot and a whole domain for a part of one are taken")
def impossible(bench):
    auth0, cognito = ["--provider", "auth0", "--audience", "a"], ["--provider", "cognito", "--with", "region=eu-central-1"]
    with bench.place(bare=True) as place:
        place.must("init", "--backend", "file")
        for more in (["--token-url", "https://id.example.com:0/token"], ["--token-url", "http://127.0.0.1:0/token"],
                     [*auth0, "--with", "domain=example"], [*auth0, "--with", "domain=example."],
                     [*cognito, "--with", "domain=auth.example.com"], [*cognito, "--with", "domain=a:1"]):
            if (ended := setting(place, "-p", "p", *more)).code == 0:
                yield f"{' '.join(more)}: {ended}"


@row("R8", "a pasted URL in place of a domain is refused without an example of what is meant")
def pasted_domain(bench):
    cases = (("auth0", ["--audience", "a"], "domain", "example.eu.auth0.com", "https://example.eu.auth0.com/oauth/token"),
             ("keycloak", ["--with", "realm=r"], "host", "id.example.com:8443",
              "https://id.example.com:8443/realms/r/protocol/openid-connect/token"))
    with bench.place(bare=True) as place:
        place.must("init", "--backend", "file")
        for provider, more, field, right, url in cases:
            for value in (f"https://{right}", f"https://{right}/", f"https://{right}/?x#y"):
                ended = setting(place, "-p", "p", "--provider", provider, *more, "--with", f"{field}={value}")
                shown = place.run("credentials", "show", "-p", "p", "--json").json.get("token_url")
                if shown != url if ended.code == 0 else "." not in ended.hint:
                    yield f"--with {field}={value}: {ended}, {shown}"


@row("R1", "http to a container, to localhost or to a host of the cluster has no way, and no hint names one")
@row("L4", "plain http to a compose service: nothing is offered")
def plain_http(bench):
    with bench.answered(granted(), bare=True) as place:
        place.must("init", "--backend", "file")
        port = place.issuer.port
        localhost = setting(place, "-p", "l", "--token-url", f"http://localhost:{port}/token")
        get = place.run("token", "get", "-p", "l")
        if (localhost.code or get.code) and f"127.0.0.1:{port}" not in localhost.hint:
            yield f"http://localhost: {localhost}"
        for host in ("keycloak", "host.docker.internal", "id.ns.svc.cluster.local", "issuer.test"):
            url = ["-p", "p", "--token-url", f"http://{host}:{port}/token"]
            refused = setting(place, *url)
            if refused.code != 10 or host not in refused.hint:
                yield f"http://{host}: {refused}"
            hosts = place.root / "hosts"
            hosts.write_text(f"127.0.0.1 {host}\n")
            allowed = setting(place, *url, "--allow-http", host)
            get = place.run("token", "get", "-p", "p", under=[*HOSTS, str(hosts)])
            if get.code:
                yield f"--allow-http {host}: {allowed}; then token get: {get}"
        for host in ("example.com", "id.example.com", "8.8.8.8"):
            if setting(place, "-p", "p", "--token-url", f"http://{host}/token", "--allow-http", host).code != 10:
                yield f"--allow-http {host} is taken for a public host"


def metadata(issuer):
    """Answers discovery: `issuer` is how it writes itself, made of its own URL."""
    def reply(heard):
        url = f"http://{heard.header('Host')}"
        if "/.well-known/" not in heard.line:
            return granted()
        return http("200 OK", {"issuer": issuer(url), "token_endpoint": f"{url}/token"})

    return reply


@row("R6", "an issuer that writes itself in another way is not shown")
def issuer_differs(bench):
    for what, issuer in (("a slash", lambda url: url + "/"), ("https", lambda url: url.replace("http:", "https:")),
                         ("a template", lambda url: url + "/{tenantid}/v2.0"), ("a path", lambda url: url + "/realms/a")):
        with bench.answered(metadata(issuer), bare=True) as place:
            place.must("init", "--backend", "file")
            ended = setting(place, "-p", "p", "--issuer", place.issuer.url)
            if ended.code != 7 or issuer(place.issuer.url) not in ended.err:
                yield f"{what}: {ended}"
            if what == "a slash" and f"--issuer {issuer(place.issuer.url)}" not in ended.hint:
                yield f"{what}: the hint does not say what to type: {ended}"


@row("R7", "the whole URL of the metadata is no issuer")
def metadata_pasted(bench):
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        with bench.answered(metadata(lambda url: url), bare=True) as place:
            place.must("init", "--backend", "file")
            ended = setting(place, "-p", "p", "--issuer", place.issuer.url + path)
            if ended.code and f"--issuer {place.issuer.url}" not in ended.hint:
                yield f"{path}: {ended}"


@row("R34", "a resource that is no URI, as Entra has it, cannot be named")
def resource(bench):
    for value in ("00000003-0000-0000-c000-000000000000", "api.example.com"):
        for flag in (["--resource", value], ["--param", f"resource={value}"]):
            for at in ("set", "get"):
                with bench.answered(granted()) as place:
                    ended = place.set(1, more=["--replace", *(flag if at == "set" else [])])
                    get = place.get(*(flag if at == "get" else []))
                    if ended.code or get.code or f"resource={value}" not in place.issuer.requests[-1].body:
                        yield f"{' '.join(flag)} at {at}: {get if at == 'get' else ended}"


@row("R35", "a gateway that wants a header at the token endpoint cannot be reached")
def headers(bench):
    with Answerer(granted()) as issuer, bench.place(bare=True) as place:
        place.must("init", "--backend", "file")
        place.environment["SECRET"] = secret(1)
        (place.root / "key").write_text("the-key\n")
        (place.root / "key").chmod(0o600)
        (place.config / "profiles").mkdir(mode=0o700, exist_ok=True)
        start = f'client_id = "{CLIENT}"\ntoken_url = "{issuer.token_url}"\nsecret = {{ env = "SECRET" }}\n'
        for what, value in (("a plain value", '"the-key"'), ("a file", f'{{ file = "{place.root}/key" }}')):
            (place.config / "profiles" / "p.toml").write_text(f'{start}headers = {{ "x-api-key" = {value} }}\n')
            ended = place.get("--refresh")
            if ended.code or issuer.requests[-1].header("x-api-key") != "the-key":
                yield f"{what}: {ended}"
            elif "the-key" in (shown := place.run("credentials", "show", "-p", "p", "--json")).out:
                yield f"{what}: shown whole by credentials show: {shown.out[:80]}"
        for name in ("Authorization", "host", "Content-Type", "Transfer-Encoding", "Connection"):
            (place.config / "profiles" / "p.toml").write_text(f'{start}headers = {{ "{name}" = "x" }}\n')
            if place.get("--refresh").code == 0:
                yield f"a header {name} is taken"


@row("R38", "a password for Redis in plain to a service name is refused nowhere and documented nowhere")
def plain_redis(bench):
    raise Skipped("a warning with its reason came from the first landing on; what was missing stands in docs/fleet.md")
