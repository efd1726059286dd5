"""Codex: a model provider whose token is that of a command. It needs no account for a provider of one's own."""

import json

from clienting import client_mcp
from clienting.row import client
from clienting.server import Answer

SETTINGS = """
model = "any"
model_provider = "{name}"
[analytics]
enabled = false
[model_providers.{name}]
name = "Corp"
base_url = "{url}/v1"
wire_api = "responses"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0
"""
AUTH = """[model_providers.{name}.auth]
command = "tokenkeep"
args = ["token", "get", "-p", "x", "--min-ttl", "10m"]
timeout_ms = 10000
refresh_interval_ms = 300000
"""
MCP = """[mcp_servers.crm]
url = "{url}/mcp"
http_headers_helper = "tokenkeep {where} token get -p x --format headers"
required = true
"""


def respond(request):
    """The answer `served`, as a stream of events."""
    if request.method != "POST" or not request.path.endswith("/responses"):
        return Answer(404)
    message = {"type": "message", "role": "assistant", "id": "m", "content": [{"type": "output_text", "text": "served"}]}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    events = [
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.completed", "response": {"id": "r", "output": [], "usage": usage}},
    ]
    stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Answer(200, stream.encode(), {"content-type": "text/event-stream"})


@client("codex")
def codex(desk):
    folder = desk.bench.tools.node("codex", "@openai/codex@0.171.0")
    program = folder / "node_modules/.bin/codex"
    desk.version = desk.run([program, "--version"]).stdout.split()[1]
    mcp = desk.guarded(client_mcp.respond, challenge="Bearer", is_open=client_mcp.is_open)
    server, foreign = desk.guarded(respond, challenge="Bearer"), desk.foreign(challenge="Bearer")
    desk.profile(server.host)
    homes = {}
    for name, of in (("own", server), ("foreign", foreign)):
        homes[name] = desk.home / f"codex-{name}"
        homes[name].mkdir()
        (homes[name] / "config.toml").write_text(SETTINGS.format(name=name, url=of.url))
    with (homes["own"] / "config.toml").open("a") as file:
        # The variables of tokenkeep do not reach this command: Codex passes on a few of its own only.
        where = f"--config-dir {desk.folder / 'config'} --data-dir {desk.folder / 'data'}"
        file.write(AUTH.format(name="own") + MCP.format(url=mcp.url, where=where))

    def asked(name="own", succeeds=True):
        environment = {"CODEX_HOME": homes[name], "SSL_CERT_FILE": desk.certificate.ca}
        words = ["exec", "--skip-git-repo-check", "--sandbox", "read-only", "any question"]
        return desk.run([program, *words], environment=environment, succeeds=succeeds, seconds=60)

    def once():
        desk.claim("served" in asked().stdout, "codex printed no answer")

    desk.calls(once)
    desk.claim(mcp.served, f"the MCP server was not connected to: {[(r.path, r.status) for r in mcp.requests]}")
    desk.fact("model provider and MCP server")
    asked("foreign", succeeds=False)
    desk.nothing_for(foreign)
    desk.expiry(once)
    desk.issuer.revoke_all()
    desk.claim(asked(succeeds=False).returncode != 0 and server.refused, "a revoked token was served")
    desk.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
    once()
    desk.fact("reports no refusal")
    desk.without_issuer(lambda: asked(succeeds=False))
