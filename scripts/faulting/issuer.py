"""An issuer on loopback whose tokens name what they were issued for: client, scope, and the generation of the secret."""

import base64
import hashlib
import http.server
import itertools
import json
import threading
import time
import urllib.parse

CLIENT = "client-a"


def secret(generation):
    """The secret of a generation: 40 hexadecimal digits that can be found again wherever they turn up."""
    return f"g{generation}-" + hashlib.sha256(f"canary {generation}".encode()).hexdigest()[:40]


def token(client, scope, generation, serial):
    return f"tk.{client}.{scope.replace(' ', '+') or '-'}.{generation}.{serial}.canary"


class Request:
    """One request that arrived: what it asked for, and when."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.at = path, headers, body, time.time()
        self.form = dict(urllib.parse.parse_qsl(body))
        client, given = self.form.get("client_id", ""), self.form.get("client_secret", "")
        word, _, basic = headers.get("Authorization", "").partition(" ")
        if word.lower() == "basic":
            client, _, given = base64.b64decode(basic).decode().partition(":")
        self.client, self.secret = urllib.parse.unquote_plus(client), urllib.parse.unquote_plus(given)


class Issuer:
    """`latency` seconds before each answer; `lifetime` of tokens; `answer` may answer a token request in another way."""

    def __init__(self, latency=0.0, lifetime=3600, answer=None):
        self.latency, self.lifetime, self.answer = latency, lifetime, answer
        self.requests, self.revoked = [], set()
        self.serials = itertools.count(1)
        self.server = Server(("127.0.0.1", 0), handler_of(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
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
        """How many tokens were requested."""
        return sum(1 for request in self.requests if request.path == "/token")

    def respond(self, request):
        if request.path == "/revoke":
            self.revoked.add(request.form.get("token", ""))
            return 200, {}, b""
        if request.path == "/introspect":
            shown = request.form.get("token", "")
            return 200, {}, json.dumps({"active": shown.startswith("tk.") and shown not in self.revoked}).encode()
        if self.latency:
            time.sleep(self.latency)
        generation = request.secret.partition("-")[0].removeprefix("g")
        if not generation.isdigit() or request.secret != secret(int(generation)):
            return 401, {}, b'{"error": "invalid_client"}'
        scope = request.form.get("scope", "")
        issued = {
            "access_token": token(request.client, scope, generation, next(self.serials)),
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }
        if scope:
            issued["scope"] = scope
        if self.answer:
            answered = self.answer(request, issued)
            if isinstance(answered, tuple):
                return answered
            issued = answered or issued
        return 200, {}, json.dumps(issued).encode()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        """Clients that are killed midway are what this is for."""


def handler_of(issuer):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            request = Request(self.path, self.headers, body)
            issuer.requests.append(request)
            status, headers, body = issuer.respond(request)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            for name, value in headers.items() if isinstance(headers, dict) else headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler
