"""pnpm, whose tokenHelper is a program, up to version 10 one without arguments."""

import base64
import hashlib
import io
import json
import shutil
import tarfile

from clienting.row import client
from clienting.server import Answer


def archive():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        content = b'{"name": "found", "version": "1.0.0"}'
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(content)
        files.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


class Registry:
    def __init__(self):
        self.url, self.content = "", archive()

    def respond(self, request):
        if request.path == "/found/-/found-1.0.0.tgz":
            return Answer(200, self.content)
        if request.path != "/found":
            return Answer(404)
        integrity = base64.b64encode(hashlib.sha512(self.content).digest()).decode()
        dist = {"tarball": f"{self.url}/found/-/found-1.0.0.tgz", "integrity": f"sha512-{integrity}"}
        version = {"name": "found", "version": "1.0.0", "dist": dist}
        content = {"name": "found", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        return Answer(200, json.dumps(content).encode(), {"content-type": "application/json"})


def tried(desk, version, helper):
    """`helper` is what stands in `.npmrc`, without the folder."""
    desk.bench.tools.debian("node", "nodejs")
    program = desk.bench.tools.node(f"pnpm-{version.split('.')[0]}", f"pnpm@{version}") / "node_modules/.bin/pnpm"
    registry = Registry()
    server, foreign = desk.guarded(registry.respond, challenge="Bearer"), desk.foreign()
    registry.url = server.url
    desk.profile(server.host)
    desk.environment |= {"NODE_EXTRA_CA_CERTS": str(desk.certificate.ca), "XDG_CACHE_HOME": str(desk.folder / "cache")}
    desk.version = desk.run([program, "--version"]).stdout.strip()
    settings = f"//{server.host}/:tokenHelper={desk.bin}/{helper}\ncafile={desk.certificate.ca}\n"
    (desk.home / ".npmrc").write_text(settings)
    work, cache = desk.folder / "work", desk.folder / "cache"
    work.mkdir()

    def asked(of, succeeds=True):
        # With nothing kept, so that the registry is read. (`pnpm view` of pnpm 10 is that of npm, which has no helper.)
        shutil.rmtree(cache, ignore_errors=True)
        (work / "pnpm-lock.yaml").unlink(missing_ok=True)
        (work / "package.json").write_text('{"name": "work", "version": "1.0.0"}')
        return desk.run([program, "add", "--lockfile-only", f"--registry={of.url}/", "found"], cwd=work, succeeds=succeeds)

    def once():
        asked(server)
        desk.claim("found@1.0.0" in (work / "pnpm-lock.yaml").read_text(), "pnpm did not find the package")

    desk.calls(once)
    desk.claim({request.scheme for request in server.served} == {"bearer"}, "the token arrived in another scheme")
    desk.run([program, "add", "found@1.0.0", f"--registry={server.url}/"], cwd=work)
    desk.claim((work / "node_modules/found/package.json").exists(), "pnpm did not install the package")
    desk.fact("read and install")
    asked(foreign, succeeds=False)
    desk.nothing_for(foreign)
    desk.expiry(once)
    desk.issuer.revoke_all()
    refused = asked(server, succeeds=False)
    desk.claim(refused.returncode != 0 and server.refused, "a revoked token was served")
    desk.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
    once()
    desk.fact("reports no refusal")
    desk.without_issuer(lambda: asked(server, succeeds=False))


@client("pnpm")
def pnpm(desk):
    """It takes arguments too."""
    tried(desk, "12.4.2", "tokenkeep helper pnpm -p x")


@client("pnpm-10")
def pnpm_10(desk):
    """The last one that takes no arguments, and the whole header only."""
    tried(desk, "10.20.0", "tokenkeep-npm")
