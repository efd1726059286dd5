"""skopeo with a private docker-registry: the token is the password at the registry's token service."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import time
import urllib.parse

from clienting.certificate import openssl
from clienting.issuer import encoded, encoded_bytes
from clienting.row import client
from clienting.server import Answer


class TokenService:
    """Gives what the registry takes, for an access token as the password (the token specification of Docker)."""

    def __init__(self, folder):
        self.key, self.certificate = folder / "registry.key", folder / "registry.pem"
        made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=registry"]
        openssl(*made, "-keyout", self.key, "-out", self.certificate)
        lines = self.certificate.read_text().splitlines()
        self.header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(line for line in lines if "-" not in line)]}

    def respond(self, request):
        asked = urllib.parse.parse_qs(request.query)
        access = [entry.split(":") for scope in asked.get("scope", []) for entry in scope.split(" ")]
        now = int(time.time())
        claims = {
            "iss": "clients", "sub": request.user, "aud": "registry", "iat": now, "nbf": now - 5, "exp": now + 300,
            "jti": str(time.monotonic_ns()),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")} for kind, name, actions in access],
        }
        signed = f"{encoded(self.header)}.{encoded(claims)}"
        sign = ["openssl", "dgst", "-sha256", "-sign", self.key]
        done = subprocess.run(sign, input=signed.encode(), capture_output=True, check=True)
        token = f"{signed}.{encoded_bytes(done.stdout)}"
        return Answer(200, json.dumps({"token": token, "expires_in": 300}).encode(), {"content-type": "application/json"})


@client("skopeo")
def skopeo(desk):
    program, registry = desk.bench.tools.debian("skopeo"), desk.bench.tools.debian("docker-registry")
    desk.version = desk.run([program, "--version"]).stdout.split()[2]
    service = TokenService(desk.certificate.folder)
    tokens = desk.guarded(service.respond, challenge='Basic realm="tokens"')
    host = serve(desk, registry, tokens, service)
    foreign = desk.foreign(challenge='Basic realm="foreign"')
    desk.profile(f'{{ host = "{host}", as = "basic", username = "machine" }}')
    login = desk.home / "auth.json"
    login.write_text(json.dumps({"credHelpers": {host: "tokenkeep", foreign.host: "tokenkeep"}}))
    desk.environment |= {"SSL_CERT_FILE": str(desk.certificate.ca), "REGISTRY_AUTH_FILE": str(login)}
    image = f"docker://{host}/team/app:v1"
    inspect = [program, "inspect", image]

    before = desk.issuer.count
    desk.run([program, "--insecure-policy", "copy", f"oci:{layout(desk.folder / 'image')}:v1", image])
    desk.claim(desk.issuer.count == before + 1, f"a push was {desk.issuer.count - before} requests")
    desk.run(["tokenkeep", "token", "forget"])
    desk.calls(lambda: desk.run(inspect))
    desk.claim({request.user for request in tokens.served} == {"machine"}, "another user name arrived")
    desk.fact("push and inspect")
    desk.run([program, "inspect", f"docker://{foreign.host}/team/app:v1"], succeeds=False)
    desk.nothing_for(foreign)
    desk.expiry(lambda: desk.run(inspect))

    def log_out():
        desk.claim(desk.run(inspect, succeeds=False).returncode != 0, "a revoked token was served")
        desk.run([program, "logout", host])
        desk.run(inspect)

    desk.revocation(log_out)
    desk.fact("reports no refusal: `skopeo logout` takes the token out of use")
    desk.without_issuer(lambda: desk.run(inspect, succeeds=False))


def serve(desk, registry, tokens, service):
    """Starts the registry; returns its host and port."""
    settings = {
        "version": "0.1", "log": {"level": "info", "formatter": "json"},
        "storage": {"filesystem": {"rootdirectory": str(desk.folder / "registry")}},
        "http": {
            "addr": "127.0.0.1:0", "secret": "of-no-value",
            "tls": {"certificate": str(desk.certificate.chain), "key": str(desk.certificate.key)},
        },
        "auth": {"token": {
            "realm": f"{tokens.url}/token", "service": "registry", "issuer": "clients",
            "rootcertbundle": str(service.certificate),
        }},
    }
    path = desk.folder / "registry.yml"
    path.write_text(json.dumps(settings))
    process = desk.background([registry, "serve", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "listening on" in line:
            desk.drain(process.stderr)
            return json.loads(line)["msg"].split()[2].rstrip(",")
    desk.claim(False, "docker-registry does not listen")


def layout(folder):
    """Makes an image of one file, as an OCI layout."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(content, kind):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("file"))
    layer = blob(gzip.compress(packed.getvalue()), "layer.v1.tar+gzip")
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}"]}
    config = blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode(), "config.v1+json")
    kind = "application/vnd.oci.image.manifest.v1+json"
    content = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    manifest = blob(json.dumps(content).encode(), "manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder
