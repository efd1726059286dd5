"""Claude Code with a gateway of one's own: apiKeyHelper is a command whose output is the key."""

import json

from clienting.row import client
from clienting.server import Answer

MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "any", "stop_reason": None, "stop_sequence": None}
USAGE = {"input_tokens": 1, "output_tokens": 1}


def respond(request):
    """The answer `served`, whole or as a stream of events."""
    if request.method != "POST" or request.path != "/v1/messages":
        return Answer(404)
    text = {"type": "text", "text": "served"}
    if not json.loads(request.body).get("stream"):
        whole = MESSAGE | {"content": [text], "usage": USAGE, "stop_reason": "end_turn"}
        return Answer(200, json.dumps(whole).encode(), {"content-type": "application/json"})
    events = [
        {"type": "message_start", "message": MESSAGE | {"content": [], "usage": USAGE}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "served"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
        {"type": "message_stop"},
    ]
    stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Answer(200, stream.encode(), {"content-type": "text/event-stream"})


@client("claude-key")
def claude_key(desk):
    folder = desk.bench.tools.node("claude", "@anthropic-ai/claude-code@2.1.197")
    program = folder / "node_modules/.bin/claude"
    server = desk.guarded(respond, challenge="Bearer")
    desk.profile(server.host)
    desk.environment |= {
        "NODE_EXTRA_CA_CERTS": str(desk.certificate.ca), "ANTHROPIC_BASE_URL": server.url,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
        # It tries ten times without it, for minutes.
        "CLAUDE_CODE_MAX_RETRIES": "1",
    }
    desk.version = desk.run([program, "--version"]).stdout.split()[0]
    (desk.home / ".claude").mkdir()
    settings = {"apiKeyHelper": "tokenkeep token get -p x --min-ttl 10m"}
    (desk.home / ".claude/settings.json").write_text(json.dumps(settings))

    def asked(succeeds=True):
        return desk.run([program, "-p", "--model", "claude-any", "any question"], succeeds=succeeds, seconds=120)

    def once():
        shown = asked().stdout
        desk.claim("served" in shown, f"it printed {shown!r}")

    desk.calls(once)
    names = ("authorization", "x-api-key")
    used = [name for name in names if any(desk.issuer.is_in(request.headers.get(name, "")) for request in server.served)]
    desk.fact(f"sent as {' and '.join(used)}")
    desk.expiry(once)
    desk.issuer.revoke_all()
    desk.claim(asked(succeeds=False).returncode != 0 and server.refused, "a revoked token was served")
    desk.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
    once()
    desk.fact("reports no refusal")
    desk.without_issuer(lambda: asked(succeeds=False))
