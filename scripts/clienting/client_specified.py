"""Bazel, Terraform and kubelet: not the programs, but clients that were written from their specifications."""

import base64
import datetime
import json
import re
import ssl
import time
import urllib.error
import urllib.request

from clienting.row import client
from clienting.server import Answer

KUBELET = "credentialprovider.kubelet.k8s.io/v1"
GO_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(\d+)s")


def shown_to(desk, url, header):
    """Sends a request with this Authorization header; returns the status."""
    context = ssl.create_default_context(cafile=desk.certificate.ca)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, headers={"Authorization": header} if header else {})
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def end_of_last(desk):
    return list(desk.issuer.given.values())[-1]


def refused_on_stderr(desk, command, stdin, what):
    """A failure: one line on stderr, nothing on stdout, and an exit code."""
    ended = desk.run(command, stdin=stdin, succeeds=False)
    desk.claim(ended.returncode != 0, f"{what} succeeds")
    desk.claim(ended.stdout == "" and ended.stderr.count("\n") == 1, f"{what} is not one line on stderr: {ended.stderr!r}")


def with_servers(desk, challenge="Bearer"):
    return desk.guarded(lambda _: Answer(200), challenge=challenge), desk.foreign()


@client("bazel")
def bazel(desk):
    """The credential helper specification of EngFlow: the client uses the headers until `expires`, to the second."""
    desk.version = "(specification)"
    server, foreign = with_servers(desk)
    desk.profile(server.host)
    program = ["tokenkeep-bazel", "get"]

    def headers(uri):
        answer = json.loads(desk.run(program, stdin=json.dumps({"uri": uri, "later": 1}), prints_token=True).stdout)
        desk.claim(set(answer) <= {"headers", "expires"}, f"unknown fields: {set(answer)}")
        for values in answer.get("headers", {}).values():
            desk.claim(isinstance(values, list) and all(isinstance(value, str) for value in values), "a header is no list")
        return answer

    def once(uri=f"{server.url}/file"):
        answer = headers(uri)
        (value,) = answer["headers"]["Authorization"]
        desk.claim(shown_to(desk, f"{server.url}/file", value) == 200, "the header was not accepted")
        return datetime.datetime.fromisoformat(answer["expires"]).timestamp()

    desk.calls(once)
    expires = once(f"grpcs://{server.host}/build.bazel.remote.execution.v2.Execution/Execute")
    desk.claim(time.time() < expires <= end_of_last(desk) - 60, "`expires` is not a minute before the end")
    answer = headers(f"{foreign.url}/file")
    shown_to(desk, f"{foreign.url}/file", answer.get("headers", {}).get("Authorization", [None])[0])
    desk.nothing_for(foreign)
    refused_on_stderr(desk, program, '{"uri": "ftp://example.com/"}', "a URI of another scheme")
    refused_on_stderr(desk, program, '{"uri": ', "a request that is cut")
    refused_on_stderr(desk, program[:1], "", "a call without a command")
    desk.expiry(once)
    desk.fact("reports no refusal; failures are one line on stderr")


@client("terraform")
def terraform(desk):
    """`credentials_helper "tokenkeep" { args = ["-p", "x"] }`, with the program in the folder of plugins."""
    desk.version = "(specification)"
    server, foreign = with_servers(desk)
    desk.profile(server.host)
    plugins = desk.home / ".terraform.d/plugins"
    plugins.mkdir(parents=True)
    (plugins / "terraform-credentials-tokenkeep").symlink_to(desk.bench.program)
    program = [plugins / "terraform-credentials-tokenkeep", "-p", "x"]

    def answered(host):
        answer = json.loads(desk.run([*program, "get", host], prints_token=True).stdout)
        desk.claim(set(answer) <= {"token"}, f"unknown fields: {set(answer)}")
        return f"Bearer {answer['token']}" if answer else None

    def once():
        desk.claim(shown_to(desk, server.url, answered(server.host)) == 200, "the token was not accepted")

    desk.calls(once)
    shown_to(desk, foreign.url, answered(foreign.host))
    desk.nothing_for(foreign)
    refused_on_stderr(desk, [*program, "store", server.host], '{"token": "of-a-login"}', "store")
    refused_on_stderr(desk, [*program, "later", server.host], "", "an unknown verb")
    forgotten = desk.run([*program, "forget", server.host])
    desk.claim(not forgotten.stdout and not forgotten.stderr, "forget prints something")
    desk.expiry(once)
    desk.fact("reports no refusal; store is refused, forget is silent")


@client("kubelet")
def kubelet(desk):
    """An image credential provider: the answer is decoded strictly, and kept for `cacheDuration`."""
    desk.version = "(specification)"
    server, foreign = with_servers(desk, challenge='Basic realm="registry"')
    desk.profile(f'{{ host = "{server.host}", as = "basic", username = "machine" }}')

    def answered(host):
        asked = {"apiVersion": KUBELET, "kind": "CredentialProviderRequest", "image": f"{host}/team/app:v1"}
        answer = json.loads(desk.run(["tokenkeep-kubelet"], stdin=json.dumps(asked), prints_token=True).stdout)
        known = {"apiVersion", "kind", "cacheKeyType", "cacheDuration", "auth"}
        desk.claim(set(answer) <= known, f"unknown fields: {set(answer)}")
        desk.claim((answer["apiVersion"], answer["kind"]) == (KUBELET, "CredentialProviderResponse"), "another kind of answer")
        desk.claim(answer["cacheKeyType"] in ("Image", "Registry", "Global"), "an unknown cacheKeyType")
        duration = GO_DURATION.fullmatch(answer["cacheDuration"])
        desk.claim(duration, f"cacheDuration is {answer['cacheDuration']!r}")
        hours, minutes, seconds = (int(part or 0) for part in duration.groups())
        return answer["auth"], hours * 3600 + minutes * 60 + seconds

    def header(auth, host):
        if not (auth or {}).get(host):
            return None
        desk.claim(set(auth[host]) == {"username", "password"}, "unknown fields in auth")
        pair = f"{auth[host]['username']}:{auth[host]['password']}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def once():
        auth, keep = answered(server.host)
        desk.claim(shown_to(desk, f"{server.url}/v2/", header(auth, server.host)) == 200, "the password was not accepted")
        return keep

    desk.calls(once)
    keep, now = once(), time.time()
    desk.claim(0 < keep <= end_of_last(desk) - 60 - now + 1, "it is kept for longer than up to a minute before the end")
    auth, _ = answered(foreign.host)
    shown_to(desk, f"{foreign.url}/v2/", header(auth, foreign.host))
    desk.nothing_for(foreign)
    other = {"apiVersion": f"{KUBELET}beta1", "kind": "CredentialProviderRequest", "image": f"{server.host}/app"}
    refused_on_stderr(desk, ["tokenkeep-kubelet"], json.dumps(other), "another version")
    desk.expiry(once)
    desk.fact("reports no refusal")
