"""PyPI `authlib` on Flask: an authorization server in Python, over http on loopback.

settings: {"clients": [{"id", "secret", "method", "jwks"}], "expires_in": seconds, "issuer": text}
ready:    {"http": "http://127.0.0.1:PORT"} with POST /token, POST /introspect, POST /revoke, GET /jwks, GET /assertions
          (headers and claims of those that were taken)

The settings are the first line of standard input, and its end is the server's end (tests/peers/parent.mjs).
Tokens for an audience are JWTs (RFC 9068); those without one are opaque.
"""

import json
import os
import sys
import threading

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, TokenMixin, grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, jsonify
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey, RSAKey
from werkzeug.serving import make_server

settings = json.loads(sys.stdin.readline())
ALGORITHMS = ["HS256", "RS256", "PS256", "ES256", "EdDSA"]
METHODS = ["client_secret_basic", "client_secret_post", JWTBearerClientAssertion.CLIENT_AUTH_METHOD]


class Client(ClientMixin):
    def __init__(self, id, method, secret=None, jwks=None):
        self.id, self.method, self.secret, self.jwks = id, method, secret, jwks

    def get_client_id(self):
        return self.id

    def get_allowed_scope(self, scope):
        return scope or ""

    def check_client_secret(self, secret):
        return self.secret == secret

    def check_endpoint_auth_method(self, method, endpoint):
        signs = self.method in ("client_secret_jwt", "private_key_jwt")
        return method == (JWTBearerClientAssertion.CLIENT_AUTH_METHOD if signs else self.method)

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"

    def key(self):
        if self.jwks:
            return KeySet.import_key_set(self.jwks)
        return OctKey.import_key(self.secret)


class Token(TokenMixin):
    def __init__(self, client, answer):
        self.client, self.answer, self.revoked = client, answer, False

    def check_client(self, client):
        return self.client.id == client.id

    def get_scope(self):
        return self.answer.get("scope", "")

    def get_expires_in(self):
        return self.answer["expires_in"]

    def is_expired(self):
        return False

    def is_revoked(self):
        return self.revoked


clients = {client["id"]: Client(**client) for client in settings["clients"]}
tokens = {}
assertions = []


class Assertion(JWTBearerClientAssertion):
    burnt = set()

    def get_audiences(self):
        return [settings["issuer"]]

    def validate_jti(self, claims, jti):
        new = jti not in self.burnt
        self.burnt.add(jti)
        return new

    def resolve_client_public_key(self, client):
        return client.key()

    def process_assertion_claims(self, assertion, key):
        # As the one that it stands for, which takes the recommended algorithms alone.
        try:
            token = jwt.decode(assertion, key, algorithms=ALGORITHMS)
        except JoseError as error:
            raise InvalidClientError(description=str(error)) from error
        self.verify_claims(token.claims)
        assertions.append({"header": token.header, "claims": token.claims})
        return token.claims


class ClientCredentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class Introspection(IntrospectionEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def check_permission(self, token, client, request):
        return token.check_client(client)

    def query_token(self, token_string, hint):
        return tokens.get(token_string)

    def introspect_token(self, token):
        return {"active": not token.revoked, "client_id": token.client.id}


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string, hint):
        return tokens.get(token_string)

    def revoke_token(self, token, request):
        token.revoked = True


signing = KeySet([RSAKey.generate_key(2048, {"kid": "python", "use": "sig", "alg": "RS256"})])


class Jwt(JWTBearerTokenGenerator):
    def get_jwks(self):
        return signing

    def get_audiences(self, client, user, scope):
        return "https://api.example.test"


def save_token(answer, request):
    tokens[answer["access_token"]] = Token(request.client, answer)


app = Flask(__name__)
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"client_credentials": settings["expires_in"]}
server = AuthorizationServer(app, query_client=clients.get, save_token=save_token)
server.register_client_auth_method(JWTBearerClientAssertion.CLIENT_AUTH_METHOD, Assertion())
server.register_grant(ClientCredentials)
server.register_endpoint(Introspection)
server.register_endpoint(Revocation)
if settings.get("jwt"):
    server.register_token_generator("default", Jwt(issuer=settings["issuer"]))

app.post("/token")(lambda: server.create_token_response())
app.post("/introspect", endpoint="introspect")(lambda: server.create_endpoint_response("introspection"))
app.post("/revoke", endpoint="revoke")(lambda: server.create_endpoint_response("revocation"))
app.get("/jwks", endpoint="jwks")(lambda: jsonify(signing.as_dict(private=False)))
app.get("/assertions", endpoint="assertions")(lambda: jsonify(assertions))

# On loopback without TLS, as the tests are.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
listening = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print(json.dumps({"http": f"http://127.0.0.1:{listening.port}"}), flush=True)
listening.serve_forever()
