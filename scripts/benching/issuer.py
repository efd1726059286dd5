"""The issuers that a benchmark asks: all on loopback, all ended with it."""

import http.server
import json
import subprocess
import threading
import urllib.request


class Fixture:
    """The fixture issuer of the tests: it takes the client, and answers each token request after the latency."""

    def __init__(self, program, client, secret, latency_ms=0, tls=False):
        command = [program, "--client", f"{client}:{secret}", "--latency-ms", str(latency_ms)]
        self.process = subprocess.Popen(
            command + ["--tls"] * tls, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        ready = json.loads(self.process.stdout.readline())
        self.token_url, self.control, self.ca = ready["url"] + "/token", ready["control"], ready["ca"]

    def ask(self, target, body=None):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.control + target, data=body)) as answer:
            return json.load(answer)

    def count(self):
        return self.ask("/count?path=/token")["count"]

    def wait_for_a_request(self):
        self.ask("/wait?path=/token&count=1")

    def forget(self):
        self.ask("/reset", b"{}")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Rivals:
    """Fills the caches of the others once, before anything is timed: discovery, and one token for every grant."""

    TOKEN = "loopback-" + "0123456789abcdef" * 4

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.requests = 0
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def requests(self):
        return self.server.requests

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Answers(http.server.BaseHTTPRequestHandler):
    """The requests of oidc-agent and msal, as far as filling a cache needs them."""

    def do_GET(self):
        # By the name that it was asked by: msal insists on https, and its first run speaks through a small tunnel.
        scheme = self.headers.get("x-forwarded-proto", "http")
        url = f"{scheme}://{self.headers['host']}"
        self.answer({
            "issuer": url,
            "authorization_endpoint": url + "/authorize",
            "token_endpoint": url + "/token",
            "jwks_uri": url + "/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "scopes_supported": ["openid", "offline_access"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        })

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = {"access_token": Rivals.TOKEN, "token_type": "Bearer", "expires_in": 36000}
        if b"grant_type=refresh_token" in body:
            answer |= {"refresh_token": "a-refresh-token", "scope": "openid offline_access"}
        self.answer(answer)

    def answer(self, content):
        self.server.requests += 1
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
