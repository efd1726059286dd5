"""Servers on loopback, one thread for each connection, with TLS if they have a certificate."""

import base64
import binascii
import http.server
import pathlib
import ssl
import threading
import urllib.parse


class Answer:
    def __init__(self, status, body=b"", headers=None):
        self.status, self.body, self.headers = status, body, headers or {}


class Request:
    """What arrived, with the credential in its header taken apart."""

    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.body = method, headers, body
        parts = urllib.parse.urlsplit(target)
        self.path, self.query = parts.path, parts.query
        self.authorization = headers.get("authorization")
        self.scheme, self.user, self.token = credential(self.authorization or "")
        self.status = None

    def holds(self, issuer):
        """Whether anything in it is a secret, in whatever header."""
        everything = [self.path, self.query, *map(str, self.headers.values())]
        basics = [credential(value)[2] or "" for value in self.headers.values()]
        return any(issuer.is_in(text) for text in everything + basics) or issuer.is_in(self.body)


def credential(authorization):
    """Returns the scheme, the user name and the token; a bare value is a token of the scheme `raw` (cargo)."""
    word, _, rest = authorization.partition(" ")
    if word.lower() == "basic":
        try:
            user, _, password = base64.b64decode(rest).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "basic", None, None
        return "basic", user, password
    if word.lower() == "bearer":
        return "bearer", None, rest
    return ("raw", None, word) if word and not rest else (word.lower() or None, None, None)


class Server:
    """`answer` takes a Request and returns an Answer."""

    def __init__(self, answer, certificate=None):
        self.answer, self.requests, self.leaks = answer, [], []
        self.server = Listener(("127.0.0.1", 0), handler_of(self))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.key)
            # The handshake is for the thread of the connection, not for the one that accepts.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if certificate else 'http'}://{self.host}"
        # Another name of the same server: for a client another host.
        self.named = f"localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Guarded(Server):
    """A server that lets in only what has a token that the issuer gave and did not take back."""

    def __init__(self, issuer, certificate, answer, challenge='Bearer realm="clients"', is_open=lambda request: False):
        super().__init__(self.guarded, certificate)
        self.issuer, self.inner, self.challenge, self.is_open = issuer, answer, challenge, is_open

    def guarded(self, request):
        if request.holds(self.issuer):
            # The client waits for this answer, so it is there to be looked at.
            self.leaks += arguments_with(self.issuer)
        if self.is_open(request) or (request.token and self.issuer.accepts(request.token)):
            return self.inner(request)
        challenges = [self.challenge] if isinstance(self.challenge, str) else self.challenge
        return Answer(401, b"a valid token is needed\n", {"www-authenticate": challenges})

    @property
    def served(self):
        return [request for request in self.requests if request.token and request.status and request.status < 400]

    @property
    def refused(self):
        return [request for request in self.requests if request.token and request.status == 401]


class Foreign(Server):
    """A server that no profile names. It asks for a credential in every way there is."""

    def __init__(self, certificate, challenge=('Bearer realm="foreign"', 'Basic realm="foreign"')):
        super().__init__(lambda _: Answer(401, b"", {"www-authenticate": list(challenge)}), certificate)


def arguments_with(issuer):
    """Returns the programs whose arguments hold a secret, as any user of the machine can see."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if issuer.is_in((process / "cmdline").read_bytes()):
                found.append((process / "comm").read_text(errors="replace").strip())
        except OSError:
            continue
    return found


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """A client that ends midway, or does not know the certificate."""


def handler_of(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Some clients wait for the answer of each request; small packets must not wait for others.
        disable_nagle_algorithm = True

        def handle_any(self):
            request = Request(self.command, self.path, self.headers, self.body())
            server.requests.append(request)
            answer = server.answer(request)
            request.status = answer.status
            self.send_response(answer.status)
            for name, values in answer.headers.items():
                for value in values if isinstance(values, list) else [values]:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any

        def body(self):
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("content-length") or 0))

        def log_message(self, *_):
            pass

    return Handler
