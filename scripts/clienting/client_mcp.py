"""MCP: the TypeScript SDK, and Claude Code, which runs a command for its headers."""

import json

from clienting.row import client
from clienting.server import Answer

# A program with the SDK decides by itself when it asks: here at each connection, and again after a 401.
PROGRAM = """
import { execFileSync } from "node:child_process";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const headers = (...more) =>
  JSON.parse(execFileSync("tokenkeep", ["token", "get", "-p", "x", "--format", "headers", ...more]));
let current = headers();
const withToken = async (url, init) => {
  const send = () => fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...current } });
  const answer = await send();
  if (answer.status !== 401) return answer;
  await answer.body?.cancel();
  current = headers("--refresh");
  return send();
};
const client = new Client({ name: "clients", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2]), { fetch: withToken }));
const { tools } = await client.listTools();
process.stdout.write(tools.map((tool) => tool.name).join());
await client.close();
"""
JSON = {"content-type": "application/json"}


def respond(request):
    """An MCP server without sessions (Streamable HTTP)."""
    if request.path != "/mcp":
        return Answer(404)
    if request.method != "POST":
        return Answer(405)
    asked = json.loads(request.body)
    if "id" not in asked:
        return Answer(202)
    results = {
        "initialize": lambda: {
            "protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "clients", "version": "1"},
        },
        "tools/list": lambda: {"tools": [{"name": "found", "inputSchema": {"type": "object"}}]},
    }
    result = results.get(asked["method"], dict)()
    return Answer(200, json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode(), JSON)


def is_open(request):
    """There is no authorization server to be found."""
    return request.path.startswith("/.well-known/") or request.path == "/register"


@client("mcp-sdk")
def mcp_sdk(desk):
    node = desk.bench.tools.debian("node", "nodejs")
    folder = desk.bench.tools.node("mcp", "@modelcontextprotocol/sdk@1.32.2")
    desk.version = json.loads((folder / "node_modules/@modelcontextprotocol/sdk/package.json").read_text())["version"]
    server = desk.guarded(respond, challenge="Bearer", is_open=is_open)
    desk.profile(server.host)
    program = folder / "client.mjs"
    program.write_text(PROGRAM)
    environment = {"NODE_EXTRA_CA_CERTS": desk.certificate.ca}

    def once():
        shown = desk.run([node, program, f"{server.url}/mcp"], environment=environment).stdout
        desk.claim(shown == "found", f"the tools are {shown!r}")

    desk.calls(once)
    desk.expiry(once)
    desk.revocation(once)
    desk.fact("the program asks with --refresh after a 401; it names no host, so the program chooses where the header goes")


@client("claude")
def claude(desk):
    """`claude mcp list` connects to each server, and needs no account."""
    folder = desk.bench.tools.node("claude", "@anthropic-ai/claude-code@2.1.197")
    program = folder / "node_modules/.bin/claude"
    desk.environment |= {
        "NODE_EXTRA_CA_CERTS": str(desk.certificate.ca),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
    }
    desk.version = desk.run([program, "--version"]).stdout.split()[0]
    server = desk.guarded(respond, challenge="Bearer", is_open=is_open)
    foreign = desk.foreign(challenge="Bearer")
    desk.profile(server.host)
    helper = "tokenkeep token get -p x --format headers"
    servers = {
        "own": {"type": "http", "url": f"{server.url}/mcp", "headersHelper": helper},
        "foreign": {"type": "http", "url": f"{foreign.url}/mcp"},
    }
    (desk.home / ".claude.json").write_text(json.dumps({"mcpServers": servers}))

    def listed():
        return {line.split(":")[0]: line for line in desk.run([program, "mcp", "list"]).stdout.splitlines() if ":" in line}

    def once():
        line = listed().get("own", "")
        desk.claim("Connected" in line, f"claude mcp list prints {line!r}")

    desk.calls(once)
    desk.nothing_for(foreign)
    desk.expiry(once)
    desk.issuer.revoke_all()
    refused = listed().get("own", "")
    desk.claim("Connected" not in refused and server.refused, "a revoked token was served")
    desk.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
    once()
    desk.fact("runs the command at each connection, and reports no refusal")
    desk.run(["tokenkeep", "token", "forget"])
    desk.issuer.stop()
    before = len(server.requests)
    desk.claim("Connected" not in listed().get("own", ""), "it was served without a token")
    came = server.requests[before:]
    word = "connects without the header" if came and not any(request.token for request in came) else "does not connect"
    desk.fact(f"without issuer: {word}")
