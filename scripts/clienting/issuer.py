"""An issuer on loopback: it gives JWTs, takes them back on order, and knows which of them are still good."""

import base64
import hashlib
import hmac
import itertools
import json
import secrets
import time
import urllib.parse

from clienting.server import Answer, Server

CLIENT = "machine"


class Issuer(Server):
    """`lifetime` is that of the next tokens, in seconds."""

    def __init__(self):
        super().__init__(self.respond)
        self.lifetime = 3600
        self.secret = secrets.token_hex(20)
        self.given, self.revoked, self.count = {}, set(), 0
        self.serials = itertools.count(1)
        self.key = secrets.token_bytes(32)
        # Every token begins with it, so one search finds any of them.
        self.marker = encoded({"alg": "HS256", "kid": secrets.token_hex(12), "typ": "JWT"})

    @property
    def token_url(self):
        return f"{self.url}/token"

    def respond(self, request):
        self.count += 1
        if request.method != "POST" or not self.is_client(request):
            return Answer(401, b'{"error": "invalid_client"}', {"content-type": "application/json"})
        token = self.token()
        body = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}
        return Answer(200, json.dumps(body).encode(), {"content-type": "application/json", "cache-control": "no-store"})

    def is_client(self, request):
        return (urllib.parse.unquote_plus(request.user or ""), request.token) == (CLIENT, self.secret)

    def token(self):
        end = time.time() + self.lifetime
        claims = {"iss": self.url, "sub": CLIENT, "aud": "anything", "jti": str(next(self.serials)), "exp": int(end)}
        signed = f"{self.marker}.{encoded(claims)}"
        token = f"{signed}.{encoded_bytes(hmac.digest(self.key, signed.encode(), hashlib.sha256))}"
        self.given[token] = end
        return token

    def accepts(self, token):
        return token not in self.revoked and self.given.get(token, 0) > time.time()

    def revoke_all(self):
        """Takes back every token that it gave."""
        self.revoked |= set(self.given)

    def is_in(self, text):
        """Whether a text holds the client's secret or any token."""
        text = text if isinstance(text, bytes) else text.encode()
        return self.marker.encode() in text or self.secret.encode() in text


def encoded(claims):
    return encoded_bytes(json.dumps(claims, separators=(",", ":")).encode())


def encoded_bytes(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
