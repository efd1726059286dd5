"""cargo, with a sparse index that wants a token for reading too."""

import hashlib
import io
import json
import shutil
import struct
import subprocess
import tarfile

from clienting.row import Skipped, client
from clienting.server import Answer


class Registry:
    """An index with one crate, to which others may be published."""

    def __init__(self):
        self.url, self.downloads, self.lines, self.files = "", "", {}, {}
        self.add({"name": "found", "vers": "1.0.0", "deps": [], "features": {}}, crate("found"))

    def add(self, metadata, content):
        name, version = metadata["name"], metadata["vers"]
        line = {"name": name, "vers": version, "deps": [], "features": {}, "yanked": False}
        line["cksum"] = hashlib.sha256(content).hexdigest()
        self.lines[name] = json.dumps(line).encode() + b"\n"
        self.files[f"/dl/{name}/{version}/download"] = content

    def respond(self, request):
        if request.method == "PUT" and request.path == "/api/v1/crates/new":
            (size,) = struct.unpack_from("<I", request.body)
            metadata = json.loads(request.body[4 : 4 + size])
            self.add(metadata, request.body[8 + size :])
            return Answer(200, b'{"warnings": null}')
        if request.path == "/index/config.json":
            content = {"dl": self.downloads or f"{self.url}/dl", "api": self.url, "auth-required": True}
            return Answer(200, json.dumps(content).encode())
        content = self.files.get(request.path) or self.lines.get(request.path.rpartition("/")[2])
        return Answer(200 if content else 404, content or b"")


def crate(name):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, content in (("Cargo.toml", package(name)), ("src/lib.rs", "")):
            entry = tarfile.TarInfo(f"{name}-1.0.0/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    return packed.getvalue()


def package(name, more=""):
    return f'[package]\nname = "{name}"\nversion = "1.0.0"\nedition = "2021"\ndescription = "d"\nlicense = "MIT"\n{more}'


@client("cargo")
def cargo(desk):
    programs = toolchain()
    desk.environment |= {"PATH": f"{desk.environment['PATH']}:{programs}", "CARGO_HOME": str(desk.home / "cargo")}
    desk.version = desk.run(["cargo", "--version"]).stdout.split()[1]
    registry = Registry()
    server, foreign = desk.guarded(registry.respond, challenge="Bearer"), desk.foreign()
    registry.url = server.url
    desk.profile(server.host)
    settings = [f'[http]\ncainfo = "{desk.certificate.ca}"\n[net]\nretry = 0\n']
    for name, url in (("x", server.url), ("foreign", foreign.url)):
        provider = '["cargo-credential-tokenkeep", "-p", "x"]'
        settings.append(f'[registries.{name}]\nindex = "sparse+{url}/index/"\ncredential-provider = {provider}\n')
    (desk.home / "cargo").mkdir()
    (desk.home / "cargo/config.toml").write_text("".join(settings))
    folders = {name: project(desk, name) for name in ("x", "foreign")}

    desk.calls(lambda: desk.run(["cargo", "update"], cwd=folders["x"]))
    schemes = {request.scheme for request in server.served}
    desk.claim(schemes == {"bearer"}, f"the token arrived as {schemes}")
    before = desk.issuer.count
    desk.run(["cargo", "fetch"], cwd=folders["x"])
    desk.run(["cargo", "publish", "--registry", "x", "--no-verify", "--allow-dirty"], cwd=folders["x"])
    desk.claim("user-x" in registry.lines and desk.issuer.count == before, "it was not published with the same token")
    desk.fact("read, download and publish")
    desk.run(["cargo", "update"], cwd=folders["foreign"], succeeds=False)
    desk.nothing_for(foreign)
    desk.expiry(lambda: desk.run(["cargo", "update"], cwd=folders["x"]))
    desk.issuer.revoke_all()
    refused = desk.run(["cargo", "update"], cwd=folders["x"], succeeds=False)
    is_shown = "401" in refused.stderr or "token rejected" in refused.stderr
    desk.claim(is_shown, f"the user does not read of the refusal: {refused.stderr[-300:]}")
    desk.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
    desk.run(["cargo", "update"], cwd=folders["x"])
    desk.fact("reports no refusal; its user reads that the token was rejected")
    elsewhere = desk.foreign()
    registry.downloads = f"https://{elsewhere.named}/dl"
    shutil.rmtree(desk.home / "cargo/registry")
    desk.redirected(elsewhere, lambda: desk.run(["cargo", "fetch"], cwd=folders["x"], succeeds=False), "`dl` on another host")
    desk.without_issuer(lambda: desk.run(["cargo", "update"], cwd=folders["x"], succeeds=False))


def project(desk, registry):
    folder = desk.folder / f"user-{registry}"
    (folder / "src").mkdir(parents=True)
    (folder / "src/lib.rs").write_text("")
    dependency = f'[dependencies]\nfound = {{ version = "1", registry = "{registry}" }}\n'
    (folder / "Cargo.toml").write_text(package(f"user-{registry}", dependency))
    return folder


def toolchain():
    """The folder of the real programs: those of rustup need its home."""
    try:
        done = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, cwd="/", check=True)
    except (OSError, subprocess.CalledProcessError):
        raise Skipped("cargo is not on this machine") from None
    return f"{done.stdout.strip()}/bin"
