"""Answers of issuers as they come: long, packed, in words of their own, with a type of their own."""

import gzip
import json
import time
from email.utils import formatdate

from faulting.answering import GRANTED, Answerer, granted, http, openssl
from faulting.row import row
from faulting.rows_users_prompt import keyed

LONG = "<html>" + "y" * 200_000


@row("F4", "429, 503 and other refusals lose their meaning and Retry-After with a body that is long, packed or cut")
def status_first(bench):
    bodies = {"a long page": (LONG,), "a packed page": (gzip.compress(LONG.encode()), "Content-Encoding: gzip"),
              "a packed page that is none": ("slow down", "Content-Encoding: gzip"),
              "another coding": ("xyz", "Content-Encoding: br"), "a page that breaks off": ("<html>", "Content-Length: 1000")}
    for status, code in (("429 Too Many Requests", 11), ("503 Service Unavailable", 6), ("408 Request Timeout", 6),
                         ("401 Unauthorized", 4)):
        for what, body in bodies.items():
            with bench.answered(http(status, *body, "Retry-After: 120")) as place:
                gets = [place.get("--json") for _ in range(3)]
                wait = gets[0].error.get("retry_after_s")
                if any(get.code != code for get in gets) or code != 4 and wait != 120 or place.issuer.count != 1:
                    yield f"{status[:3]} with {what}: {place.issuer.count} requests, retry_after_s {wait}, {gets[0]}"


@row("F8", "a token without a type, or with a type of the issuer's own, cannot be used")
def types(bench):
    for given in (None, "bearer", "BEARER", " Bearer\n"):
        with bench.answered(granted(token_type=given)) as place:
            ended = place.get("--json")
            if ended.code or ended.json.get("token_type") != "Bearer":
                yield f"token_type {given!r}: {ended}"
    for given in ("Application Access Token", "BearerToken", "urn:bearer"):
        with bench.answered(granted(token_type=given)) as place:
            refused = place.get("--json")
            if given not in refused.error.get("message", ""):
                yield f"token_type {given!r} is not named: {refused}"
            place.run("credentials", "set", "-p", "p", "--token-type", "bearer")
            if (ended := place.get()).code:
                yield f"token_type {given!r} cannot be accepted: {ended}"


@row("R13", "an answer that is packed though that was not wanted, or has a coding that is none, is refused")
def codings(bench):
    plain = json.dumps(GRANTED).encode()
    for coding, body in (("gzip", gzip.compress(plain)), ("x-gzip", gzip.compress(plain)), ("identity", plain), ("utf-8", plain),
                         ("none", plain), ("", plain)):
        with bench.answered(http("200 OK", body, f"Content-Encoding: {coding}")) as place:
            if (ended := place.get()).code:
                yield f"Content-Encoding {coding!r}: {ended}"
            if not place.issuer.requests[0].header("Accept-Encoding"):
                yield "no Accept-Encoding is sent, which allows any"
    with bench.answered(http("200 OK", "xyz", "Content-Encoding: br")) as place:
        if "br" not in (ended := place.get()).err.partition("hint")[0].split("answer")[-1]:
            yield f"Content-Encoding br is not named: {ended}"


@row("R14", "the words of a refusal that is not RFC 6749's are not shown")
def words(bench):
    said = "no such client here"
    for status in ("400 Bad Request", "401 Unauthorized", "422 Unprocessable Content"):
        for body in ({"error": {"message": said}}, {"title": "Bad Request", "detail": said},
                     {"errorCode": "E1", "errorSummary": said}, {"errors": [{"message": said}]},
                     {"fault": {"faultstring": said}}, {"message": said}, {"detail": [{"loc": ["body"], "msg": said}]}):
            with bench.answered(http(status, body)) as place:
                if said not in (ended := place.get()).err:
                    yield f"{status[:3]} {json.dumps(body)}: {ended}"
    latin = '{"error":"invalid_client","error_description":"Schlüssel ungültig"}'.encode("latin-1")
    with bench.answered(http("400 Bad Request", latin)) as place:
        if (ended := place.get()).code != 4 or "ungültig" not in ended.err and "ung" not in ended.err:
            yield f"Latin-1: {ended}"


@row("R15", "a web page of a firewall is reported as a refusal of the issuer")
def page_of_a_firewall(bench):
    for kind, page in (("text/html", "<!DOCTYPE html><title>Just a moment...</title>"), ("text/html", LONG),
                       ("text/plain", "error code: 1020")):
        with bench.answered(http("403 Forbidden", page, f"Content-Type: {kind}", "Server: cloudflare")) as place:
            ended = place.get("--json")
            error = ended.error
            if ended.code != 4 or "oauth_error" in error or "403" not in error.get("message", "") or "grant" in ended.hint:
                yield f"403 with {kind}: {ended}"
            ended = place.run("credentials", "set", "-p", "n", "--client-id", "c", "--secret-stdin", "--issuer", place.issuer.url,
                              stdin=b"secret")
            if ended.code == 0 or "403" not in ended.err:
                yield f"403 with {kind} at the metadata: {ended}"


@row("R16", "404, 405 and 415 in a framework's words look like a refusal of the issuer")
@row("L15", "the status of an answer that is no answer of an issuer is not said")
def wrong_url(bench):
    for status in ("404 Not Found", "405 Method Not Allowed", "415 Unsupported Media Type"):
        name = status[4:]
        for body in ({"detail": name}, {"timestamp": 1, "status": int(status[:3]), "error": name, "path": "/x"},
                     "<html>no such page</html>", "", {"error": name.lower().replace(" ", "_")}):
            with bench.answered(http(status, body)) as place:
                ended = place.get("--json")
                message = ended.error.get("message", "")
                # 415 comes from the right URL, too: then its words do.
                is_said = status[:3] in message and "token_url" in ended.hint or status[:3] == "415" and name in message
                if ended.code != 7 or not is_said and body != {"error": "unsupported_media_type"}:
                    yield f"{status[:3]} {json.dumps(body)[:60]}: {ended}"


@row("R17", "a redirect is refused without saying where it leads")
def redirect(bench):
    away = "https://login.issuer.invalid/sign-in?code=x"
    for status in ("308 Permanent Redirect", "307 Temporary Redirect", "301 Moved Permanently", "302 Found"):
        for to, shown in (("/token/", "/token/"), (away, "login.issuer.invalid/sign-in")):
            with bench.answered(http(status, LONG, f"Location: {to}")) as place:
                if (ended := place.get()).code != 10 or shown not in ended.err:
                    yield f"{status[:3]} to {to}: {ended}"


@row("R36", "names of headers are in lower case on the wire, for servers that compare them")
def header_names(bench):
    with bench.answered(granted()) as place:
        place.must("token", "get", "-p", "p")
        low = [name for header in place.issuer.requests[0].headers if (name := header.partition(":")[0]) and name == name.lower()]
        if low:
            yield f"sent as {', '.join(low)}"


@row("R37", "a member that stands twice makes an answer `no JSON object`")
def twice(bench):
    plain = json.dumps(GRANTED)[:-1]
    for more in ('"expires_in": 3600', '"scope": "a", "scope": "a"', '"token_type": "Bearer"'):
        with bench.answered(http("200 OK", f"{plain}, {more}}}")) as place:
            if (ended := place.get()).code:
                yield f"the same value twice, {more}: {ended}"
    for more in ('"expires_in": 60', '"access_token": "other"'):
        with bench.answered(http("200 OK", f"{plain}, {more}}}")) as place:
            ended = place.get()
            if ended.code and "twice" not in ended.err and "two" not in ended.err:
                yield f"two values, {more}: {ended}"


@row("R27", "a signed assertion is refused as clocks differ, and the hint is about the secret")
def clocks(bench):
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    for minutes in (10, -10, 70):
        def reply(_, minutes=minutes):
            date = formatdate(time.time() + 60 * minutes, usegmt=True)
            return http("401 Unauthorized", {"error": "invalid_client"}, f"Date: {date}")

        with Answerer(reply) as issuer, bench.place(bare=True) as place:
            place.must("init", "--backend", "file")
            place.must(*keyed(issuer.token_url), "--secret-stdin", stdin=key.encode())
            ended = place.run("token", "get", "-p", "k")
            if "clock" not in ended.err.lower():
                yield f"{minutes:+} minutes: {ended}"
