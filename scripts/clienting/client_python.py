"""pip and uv, which start a program named keyring."""

import base64
import hashlib
import io
import zipfile

from clienting.row import client
from clienting.server import Answer

WHEEL = "found-1.0.0-py3-none-any.whl"


def wheel():
    """A wheel without a module."""
    files = {
        "found-1.0.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: found\nVersion: 1.0.0\n",
        "found-1.0.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: clients\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={digest(content)},{len(content)}\n" for path, content in files.items()]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr("found-1.0.0.dist-info/RECORD", "".join(rows) + "found-1.0.0.dist-info/RECORD,,\n")
    return packed.getvalue()


def digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()


def respond(request):
    if request.path == "/simple/found/":
        return Answer(200, f'<a href="/files/{WHEEL}">{WHEEL}</a>'.encode(), {"content-type": "text/html"})
    if request.path == f"/files/{WHEEL}":
        return Answer(200, wheel(), {"content-type": "application/octet-stream"})
    return Answer(404)


def tried(desk, once):
    """`once` takes the host of an index, runs the client, and returns how it ended."""
    server, foreign = desk.guarded(respond, challenge='Basic realm="index"'), desk.foreign()
    host, elsewhere = f"localhost:{server.port}", f"localhost:{foreign.port}"
    desk.profile(host)
    own = desk.folder / "keyring"
    own.mkdir()
    (own / "keyring").symlink_to(desk.bench.program)
    desk.environment["PATH"] = f"{own}:{desk.environment['PATH']}"

    def served():
        ended = once(host)
        desk.claim(ended.returncode == 0, f"it was not served: {ended.stderr[-400:]}")

    desk.calls(served)
    desk.fact(f"sent as {', '.join(sorted({request.scheme for request in server.served}))}")
    desk.claim(once(elsewhere).returncode != 0, "a foreign index was read")
    desk.nothing_for(foreign)
    desk.expiry(served)
    desk.issuer.revoke_all()
    refused = once(host)
    desk.claim(refused.returncode != 0 and server.refused, "a revoked token was served")
    desk.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
    served()
    desk.fact("reports no refusal")
    desk.without_issuer(lambda: once(host))


@client("pip")
def pip(desk):
    tried_pip(desk, "26.3", "")


@client("pip-25")
def pip_25(desk):
    """It asks its keyring for a password only, of the user that stands in the URL of the index."""
    tried_pip(desk, "25.3", "oauth2@")


def tried_pip(desk, version, user):
    program = desk.bench.tools.python(f"pip-{version.split('.')[0]}", f"pip=={version}") / "pip"
    desk.version = desk.run([program, "--version"]).stdout.split()[1]
    desk.environment |= {
        "PIP_KEYRING_PROVIDER": "subprocess", "PIP_CERT": str(desk.certificate.ca), "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": "/dev/null",
    }
    # By name: pip 24.2 and later cannot check the certificate of an address.
    fixed = [program, "download", "--quiet", "--no-deps", "--no-cache-dir", "--retries", "0", "--dest", desk.folder / "d"]
    tried(desk, lambda host: desk.run([*fixed, "--index-url", f"https://{user}{host}/simple", "found"], succeeds=False))


@client("uv")
def uv(desk):
    """It asks its keyring if the index says `authenticate`, or if its URL names a user."""
    folder = desk.bench.tools.python("uv", "uv==0.13.8")
    program = folder / "uv"
    desk.version = desk.run([program, "--version"]).stdout.split()[1]
    desk.environment |= {"UV_KEYRING_PROVIDER": "subprocess", "SSL_CERT_FILE": str(desk.certificate.ca)}
    fixed = [program, "pip", "compile", "-", "--no-cache", "--no-header", "--python", folder / "python"]

    def once(host):
        path = desk.home / "uv.toml"
        path.write_text(f'[[index]]\nurl = "https://{host}/simple"\ndefault = true\nauthenticate = "always"\n')
        index = ["--no-config", "--default-index", f"https://oauth2@{host}/simple"]
        named = desk.run([*fixed, *index], stdin="found\n", succeeds=False)
        asked = desk.run([*fixed, "--config-file", path], stdin="found\n", succeeds=False)
        return named if named.returncode else asked

    tried(desk, once)
