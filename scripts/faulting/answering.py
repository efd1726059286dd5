"""A raw server on loopback: an issuer or a proxy that answers, byte for byte, what a row wants."""

import json
import re
import socketserver
import ssl
import subprocess
import threading
import time

GRANTED = {"access_token": "tk.answered.canary", "token_type": "Bearer", "expires_in": 3600}


def http(status, body="", *headers):
    """An answer as bytes; a body that is no text or bytes is sent as JSON. A header `Content-Length` replaces the right one."""
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
        headers = ("Content-Type: application/json", *headers)
    body = body.encode() if isinstance(body, str) else body
    if not any(header.lower().startswith("content-length") for header in headers):
        headers = (f"Content-Length: {len(body)}", *headers)
    head = "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers, "", ""])
    return head.encode("latin-1") + body


def granted(**members):
    """A token as most issuers give it, with some members changed; one that is None is left out."""
    return http("200 OK", {name: value for name, value in (GRANTED | members).items() if value is not None})


class Heard:
    """One request: its first line, its headers as they were written, and its body."""

    def __init__(self, head, body):
        self.line, *self.headers = head.decode("latin-1").split("\r\n")
        self.body = body.decode("latin-1")

    def header(self, name):
        for header in self.headers:
            if header.lower().startswith(name.lower() + ":"):
                return header.partition(":")[2].strip()
        return None


class Answerer:
    """`reply` is the bytes of each answer, or makes them of what was heard; `certificate` a pair of files for TLS."""

    def __init__(self, reply, certificate=None, latency=0.0):
        self.reply, self.latency, self.requests, self.tls = reply, latency, [], None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*map(str, certificate))
        self.server = Listener(("127.0.0.1", 0), handler_of(self))
        self.port = self.server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def token_url(self):
        return f"{self.url}/token"

    @property
    def count(self):
        return len(self.requests)


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 512

    def handle_error(self, *_):
        """A client that does not trust the certificate, or that is killed, is what this is for."""


def handler_of(answerer):
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            connection = self.request
            connection.settimeout(30)
            if answerer.tls:
                connection = answerer.tls.wrap_socket(connection, server_side=True)
            received = b""
            while b"\r\n\r\n" not in received:
                if not (more := connection.recv(65536)):
                    return
                received += more
            head, _, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            while length and len(body) < int(length[1]):
                body += connection.recv(65536)
            heard = Heard(head, body)
            answerer.requests.append(heard)
            time.sleep(answerer.latency)
            connection.sendall(answerer.reply(heard) if callable(answerer.reply) else answerer.reply)
            if answerer.tls:
                connection.unwrap()

    return Handler


def openssl(*arguments, stdin=None):
    """Runs openssl; returns what it prints."""
    ended = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=True)
    return ended.stdout.decode()


def certificate(folder, name="server", *extensions):
    """Makes a certificate that its server signed itself, for loopback; returns the files of the two."""
    files = folder / f"{name}.pem", folder / f"{name}.key"
    if not any(extension.startswith("subjectAltName") for extension in extensions):
        extensions = (*extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1")
    added = [word for extension in extensions for word in ("-addext", extension)]
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", files[1], "-out", files[0], "-days", "9", "-subj",
            "/CN=localhost", *added)
    return files
