"""Proxies: which one failed, what was sent to it, and how often."""

import base64
import contextlib
import socket

from faulting.answering import Answerer, http
from faulting.issuer import CLIENT, secret
from faulting.row import row

HOST = "id.issuer.invalid"
SET = ["credentials", "set", "--client-id", CLIENT, "--secret-stdin"]


@contextlib.contextmanager
def remote(bench):
    """A profile `p` whose issuer has a name that leads nowhere without a proxy."""
    with bench.place(bare=True) as place:
        place.must("init", "--backend", "file")
        place.must(*SET, "-p", "p", "--token-url", f"https://{HOST}/token", stdin=secret(1).encode())
        yield place


def refusing(status="407 Proxy Authentication Required"):
    return Answerer(http(status, "", 'Proxy-Authenticate: Basic realm="corp"'))


def closed_port():
    """A port of loopback on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@row("F9", "the issuer is blamed for its proxy")
def issuer_blamed(bench):
    with remote(bench) as place, refusing() as wants, refusing("403 Forbidden") as forbids, refusing("502 Bad Gateway") as fails:
        proxies = {"a name that leads nowhere": "proxy.corp.invalid:3128", "a dead proxy": f"127.0.0.1:{closed_port()}",
                   "407": f"127.0.0.1:{wants.port}", "403": f"127.0.0.1:{forbids.port}", "502": f"127.0.0.1:{fails.port}"}
        for what, proxy in proxies.items():
            for variable, command in (("HTTPS_PROXY", ["token", "get", "-p", "p"]), ("all_proxy", ["token", "get", "-p", "p"]),
                                      ("https_proxy", [*SET, "-p", "n", "--issuer", f"https://{HOST}"])):
                ended = place.run(*command, stdin=secret(1).encode(), environment={variable: f"http://{proxy}"})
                message = ended.err.partition("hint:")[0]
                named = proxy in message and variable in message and HOST not in message
                if not named or what.isdigit() and what not in message or "token_url" in ended.hint or "--issuer" in ended.hint:
                    yield f"{what}, {variable}, {' '.join(command[:2])}: {ended}"
        for value in ("socks5h://127.0.0.1:9", '"http://127.0.0.1:9"', "garbage://x", "http://"):
            checks = place.run("doctor", "--json", environment={"HTTPS_PROXY": value}).json.get("checks", [])
            if [check.get("status") for check in checks if check.get("name") == "proxy"] == ["ok"]:
                yield f"doctor says ok of HTTPS_PROXY={value}"


@row("F10", "a wrong password of a proxy is tried three times by one command")
def tried_thrice(bench):
    with remote(bench) as place:
        for variable, login in (("HTTPS_PROXY", "bob:old@"), ("ALL_PROXY", "bob:old@"), ("https_proxy", "")):
            for command in (["token", "get", "-p", "p"], [*SET, "-p", "n", "--issuer", f"https://{HOST}"]):
                with refusing() as proxy:
                    ended = place.run(*command, stdin=secret(1).encode(),
                                      environment={variable: f"http://{login}127.0.0.1:{proxy.port}"})
                    if proxy.count != 1:
                        yield f"{' '.join(command[:2])} with {variable}, login {login!r}: {proxy.count} requests, {ended}"
        with refusing("403 Forbidden") as proxy:
            place.get("--refresh", environment={"HTTPS_PROXY": proxy.url})
            if proxy.count > 2:
                yield f"403 of a proxy: {proxy.count} requests"


@row("F11", "a proxy variable is read in parts: a password up to its @, a value in quotes not at all")
def misread(bench):
    with remote(bench) as place:
        for written, login in (("bob:p@ss", "bob:p@ss"), ("bob:p@s@s", "bob:p@s@s"), ("bob:p%40ss", "bob:p@ss"), ("bob", "bob:")):
            with refusing("502 Bad Gateway") as proxy:
                place.get(environment={"HTTPS_PROXY": f"http://{written}@127.0.0.1:{proxy.port}"})
                sent = {request.header("Proxy-Authorization") for request in proxy.requests}
                if sent != {f"Basic {base64.b64encode(login.encode()).decode()}"}:
                    yield f"{written}@: sent {[base64.b64decode((one or ' ').split(' ')[-1]).decode() for one in sent]}"
        for variable in ("HTTPS_PROXY", "ALL_PROXY"):
            url = "http://u:pass-word@127.0.0.1:9"
            for value in (f'"{url}"', f"'{url}'", "http://", "http://u:pass-word@"):
                ended = place.get("--json", environment={variable: value})
                if ended.code != 3 or variable not in ended.err or "pass-word" in ended.err:
                    yield f"{variable}={value}: {ended}"


@row("R18", "a SOCKS proxy, as ssh -D makes it, looks like an issuer that cannot be reached")
def socks(bench):
    with remote(bench) as place:
        for variable in ("ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
            for value in ("socks5h://127.0.0.1:9", "socks5://127.0.0.1:9", "socks4://127.0.0.1:9", "socks://127.0.0.1:9"):
                ended = place.get("--json", environment={variable: value})
                if ended.code != 3 or variable not in ended.err or "SOCKS" not in ended.err:
                    yield f"{variable}={value}: {ended}"


@row("R44", "NO_PROXY with a port, blanks or semicolons is passed over")
def no_proxy(bench):
    with remote(bench) as place:
        for value in (HOST, f"{HOST}:443", f"a.example {HOST}", f"a.example;{HOST}", f" {HOST} ", f"a.example, {HOST}",
                      ".invalid", "*"):
            with refusing("502 Bad Gateway") as proxy:
                place.get(environment={"HTTPS_PROXY": proxy.url, "NO_PROXY": value})
                if proxy.count:
                    yield f"NO_PROXY={value!r}: the proxy was asked"
        for value in (f"{HOST}:8443", "a.example", "issuer", f"x{HOST}", ""):
            with refusing("502 Bad Gateway") as proxy:
                place.get(environment={"HTTPS_PROXY": proxy.url, "NO_PROXY": value})
                if not proxy.count:
                    yield f"NO_PROXY={value!r}: the proxy was not asked"
