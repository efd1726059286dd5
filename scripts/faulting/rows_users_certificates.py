"""Certificates: files that cannot be read, what a server shows, and a bundle that an upgrade replaces."""

import contextlib
import pathlib
import tempfile

from faulting.answering import certificate, granted, openssl
from faulting.issuer import secret
from faulting.row import row

GARBAGE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def trusting(place, url, file, *more):
    """Sets `p` with this file of authorities."""
    return place.run("--json", "credentials", "set", "-p", "p", "--client-id", "c", "--token-url", url, "--ca-file", file,
                     "--secret-stdin", *more, stdin=secret(1).encode())


@contextlib.contextmanager
def secure(bench, *extensions):
    """A place whose issuer has TLS and a certificate that signed itself; `certificate` is its file."""
    with tempfile.TemporaryDirectory(prefix="tokenkeep-fault-tls-") as folder:
        files = certificate(pathlib.Path(folder), "server", *extensions)
        with bench.answered(granted(), bare=True, certificate=files) as place:
            place.certificate = files[0]
            place.must("init", "--backend", "file")
            yield place


@row("F13", "a file of authorities that cannot be read looks like a system without any")
def unreadable(bench):
    with bench.place(bare=True) as place:
        place.must("init", "--backend", "file")
        good = certificate(place.root)[0].read_text()
        file = place.root / "ca.pem"
        for what, text, shown in (("a bad one behind a good one", good + GARBAGE, "2"), ("a bad one", GARBAGE, "1"),
                                  ("words", "hello\n", ""), ("nothing", "", ""),
                                  ("one that was cut", good[: len(good) // 2], "1")):
            file.write_text(text)
            ended = trusting(place, "https://127.0.0.1:9/token", file)
            error = ended.error
            told = error.get("message", "")
            if ended.code != 3 or error.get("retryable") or str(file) not in told or shown not in told.replace(str(file), ""):
                yield f"{what}: {ended}; then token get: {place.get('--json') if ended.code == 0 else 'not set'}"
        place.run("credentials", "set", "-p", "p", "--replace", "--client-id", "c", "--token-url", "https://127.0.0.1:9/token",
                  "--secret-stdin", stdin=secret(1).encode())
        file.write_text(GARBAGE)
        for variable, value in (("SSL_CERT_FILE", "/nonexistent/ca.pem"), ("SSL_CERT_DIR", "/nonexistent/certs"),
                                ("SSL_CERT_FILE", str(file))):
            ended = place.get("--json", "--refresh", environment={variable: value})
            if ended.code != 3 or ended.error.get("retryable") or variable not in ended.err or "ca-certificates" in ended.err:
                yield f"{variable}={value}: {ended}"


@row("R33", "a file of authorities with a mark before it, in DER or of OpenSSL's own is not told when it is named")
def forms(bench):
    with secure(bench, "basicConstraints=critical,CA:FALSE") as place:
        file = place.certificate
        pem = file.read_text()
        given = place.root / "given.pem"
        given.write_text("\ufeff" + pem)
        ended, get = trusting(place, place.issuer.token_url, given), place.get()
        if ended.code or get.code:
            yield f"a byte order mark: {ended}; then token get: {get}"
        openssl("x509", "-in", file, "-outform", "DER", "-out", given)
        if (ended := trusting(place, place.issuer.token_url, given)).code != 3 or "PEM" not in ended.err:
            yield f"DER: {ended}"
        given.write_text(pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"))
        if (ended := trusting(place, place.issuer.token_url, given)).code != 3 or "TRUSTED" not in ended.err:
            yield f"TRUSTED CERTIFICATE: {ended}"


@row("R2", "a certificate that a server signed itself, as tutorials make it, is refused in words of a library")
def signed_itself(bench):
    for what, extensions in (("as tutorials make it", ()), ("a CA by name", ("basicConstraints=critical,CA:TRUE",)),
                             ("no CA", ("basicConstraints=critical,CA:FALSE",)),
                             ("of another name", ("basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:other.example"))):
        with secure(bench, *extensions) as place:
            file = place.certificate
            trusting(place, place.issuer.token_url, file)
            ended = place.get("--json")
            error = ended.error
            said = error.get("message", "")
            plain = "CA certificate" in said and "CA:FALSE" in ended.hint and error.get("retryable") is False
            if what == "of another name":
                plain = "other.example" in said and "Other(" not in said
            if ended.code and (what == "no CA" or not plain):
                yield f"{what}: {ended}"


@row("R19", "a bundle of authorities that an upgrade replaces wants the secret again, and does not say that it changed")
def bundle_replaced(bench):
    for what in ("one more", "another order", "one line end more"):
        with secure(bench, "basicConstraints=critical,CA:FALSE") as place:
            file = place.certificate
            other = certificate(place.root, "other")[0].read_text()
            bundle = place.root / "bundle.pem"
            bundle.write_text(file.read_text() + (other if what == "another order" else ""))
            if (ended := trusting(place, place.issuer.token_url, bundle)).code:
                yield f"{what}: {ended}"
            place.must("token", "get", "-p", "p")
            bundle.write_text({"one more": file.read_text() + other, "another order": other + file.read_text(),
                               "one line end more": file.read_text() + "\n"}[what])
            ended = place.get("--refresh")
            if ended.code == 0:
                continue
            if "chang" not in ended.err or str(bundle) not in ended.err:
                yield f"{what}: {ended}"
            ended = place.run("credentials", "set", "-p", "p", "--ca-file", bundle)
            get = place.get("--refresh")
            if ended.code or get.code:
                yield f"{what}, then set --ca-file: {ended}; then token get: {get}"
