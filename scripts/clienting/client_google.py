"""google-auth for Python: an executable hands over a JWT, which Google exchanges for a token of its own."""

import json
import urllib.parse

from clienting.row import client
from clienting.server import Answer

PROGRAM = """
import sys
import google.auth.pluggable
import google.auth.transport.requests
import google.auth.version

credentials = google.auth.pluggable.Credentials.from_file(sys.argv[1], scopes=["x"])
credentials.refresh(google.auth.transport.requests.Request())
sys.stdout.write(f"{google.auth.version.__version__} {credentials.token}")
"""
EXCHANGED = "token-of-google"


@client("google-auth")
def google_auth(desk):
    python = desk.bench.tools.python("google", "google-auth==2.62.2", "requests") / "python"

    # The token arrives in the form, not in a header.
    def exchange(request):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        subject = form.get("subject_token", "")
        accepted.append(desk.issuer.accepts(subject))
        if not accepted[-1]:
            return Answer(400, b'{"error": "invalid_grant"}', JSON)
        return Answer(200, json.dumps({
            "access_token": EXCHANGED, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer", "expires_in": 3600,
        }).encode(), JSON)

    accepted = []
    server = desk.guarded(exchange, is_open=lambda _: True)
    desk.profile()
    path = desk.home / "google.json"
    path.write_text(json.dumps({
        "type": "external_account", "token_url": f"{server.url}/v1/token",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "credential_source": {"executable": {
            "command": f"{desk.bin}/tokenkeep token get -p x --format google", "timeout_millis": 10000,
        }},
    }))
    environment = {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1", "REQUESTS_CA_BUNDLE": desk.certificate.ca}

    program = desk.folder / "exchange.py"
    program.write_text(PROGRAM)

    def once(succeeds=True):
        return desk.run([python, program, path], environment=environment, succeeds=succeeds)

    def exchanged():
        version, token = once().stdout.split()
        desk.claim(token == EXCHANGED and accepted[-1], "the exchange did not take place")
        desk.version = version

    desk.calls(exchanged)
    desk.expiry(exchanged)
    desk.issuer.revoke_all()
    refused = once(succeeds=False)
    desk.claim("invalid_grant" in refused.stderr, f"the user does not read of the refusal: {refused.stderr[-300:]}")
    desk.fact("reports no refusal; its user reads invalid_grant")
    desk.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
    exchanged()
    # It takes stderr for a part of the answer: a failure has to arrive as JSON, and nothing beside it.
    desk.run(["tokenkeep", "token", "forget"])
    desk.issuer.stop()
    failed = once(succeeds=False)
    is_read = "RefreshError" in failed.stderr and desk.issuer.host in failed.stderr
    desk.claim(is_read, f"a failure is not read: {failed.stderr[-300:]}")
    desk.fact("without issuer: shows why")


JSON = {"content-type": "application/json"}
