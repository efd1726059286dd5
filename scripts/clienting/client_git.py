"""git: a bearer token for git 2.46 and later, a password for those before it; and git-lfs."""

import json
import os
import subprocess

from clienting.row import Skipped, client
from clienting.server import Answer


class Repository:
    """A bare repository, which git's own program for web servers serves."""

    def __init__(self, desk, git):
        self.desk, self.git = desk, git
        self.root = desk.folder / "served"
        self.root.mkdir()
        self.backend = f"{desk.run([git, '--exec-path']).stdout.strip()}/git-http-backend"
        desk.run([git, "init", "--quiet", "--bare", "--initial-branch=main", self.root / "repository.git"])
        desk.run([git, "-C", self.root / "repository.git", "config", "http.receivepack", "true"])

    def respond(self, request):
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.desk.home),
            "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "machine",
            "REQUEST_METHOD": request.method, "PATH_INFO": request.path, "QUERY_STRING": request.query,
            "CONTENT_TYPE": request.headers.get("content-type", ""), "CONTENT_LENGTH": str(len(request.body)),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        }
        ended = subprocess.run([self.backend], input=request.body, env=environment, capture_output=True, check=True)
        head, _, body = ended.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(headers.pop("Status", "200 OK").split()[0])
        return Answer(status, body, headers)


def tried(desk, git, scheme, more=()):
    """Everything that git does with a token, which arrives in this scheme; and `more` trials with the server."""
    desk.version = desk.run([git, "--version"]).stdout.split()[2]
    repository = Repository(desk, git)
    server = desk.guarded(repository.respond, challenge=['Bearer realm="git"', 'Basic realm="git"'])
    foreign = desk.foreign()
    desk.profile(server.host)
    configuration = {
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_SSL_CAINFO": desk.certificate.ca, "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }
    desk.environment |= {name: str(value) for name, value in configuration.items()}
    for url in (server.url, foreign.url):
        desk.run([git, "config", "--global", f"credential.{url}.helper", "tokenkeep"])
    url = f"{server.url}/repository.git"

    desk.calls(lambda: desk.run([git, "ls-remote", url]))
    schemes = {request.scheme for request in server.served}
    desk.claim(schemes == {scheme}, f"the token arrived as {schemes}")
    desk.fact(f"sent as {scheme}")
    work = desk.folder / "work"
    desk.run([git, "init", "--quiet", "--initial-branch=main", work])
    desk.run([git, "-C", work, "commit", "--quiet", "--allow-empty", "-m", "one"])
    push = [git, "-C", work, "push", url, "main"]

    def refused_then_served():
        refused = desk.run(push, succeeds=False)
        desk.claim(refused.returncode != 0 and server.refused, "a push with a revoked token was served")
        desk.run(push)

    desk.revocation(refused_then_served)
    desk.fact("the push that is refused fails, the next one is served")
    desk.run([git, "ls-remote", f"{foreign.url}/repository.git"], succeeds=False)
    desk.nothing_for(foreign)
    desk.expiry(lambda: desk.run([git, "ls-remote", url]))
    for trial in more:
        trial(desk, server)
    desk.without_issuer(lambda: desk.run([git, "ls-remote", url], succeeds=False))


@client("git")
def git(desk):
    """The newest git of the machine; Debian 12 has an older one."""
    git = newest(desk)
    is_new = version(desk, git) >= (2, 46)
    tried(desk, git, "bearer" if is_new else "basic", () if is_new else (typed,))


def typed(desk, server):
    """What git 2.46 would send, typed: for a machine that has none."""
    host = f"protocol=https\nhost={server.host}\n\n"
    given = desk.run(["git-credential-tokenkeep", "get"], stdin=f"capability[]=authtype\n{host}", prints_token=True).stdout
    lines = dict(line.split("=", 1) for line in given.splitlines() if line)
    desk.claim(lines["authtype"] == "Bearer" and desk.issuer.accepts(lines["credential"]), "no bearer token was given")
    desk.fact("git 2.46 is not here: its protocol was typed")


@client("git-password")
def git_password(desk):
    """A git before 2.46 cannot send a bearer token."""
    desk.bench.tools.debian("git")
    old = [git for git in gits() if version(desk, git) < (2, 46)]
    if not old:
        raise Skipped("no git before 2.46 is on this machine")
    tried(desk, old[0], "basic")


@client("git-lfs")
def git_lfs(desk):
    """git-lfs asks git for the credential, and sends it as a password."""
    lfs = desk.bench.tools.debian("git-lfs")
    git = newest(desk)
    repository = Repository(desk, git)
    stored = {}

    def respond(request):
        if request.path.endswith(("/locks", "/locks/verify")):
            return as_lfs({"ours": [], "theirs": [], "locks": []})
        if request.path.endswith("/objects/batch"):
            asked = json.loads(request.body)
            action = {"href": f"{server.url}/objects/", "authenticated": False}
            return as_lfs({"transfer": "basic", "objects": [
                entry | {"actions": {asked["operation"]: action | {"href": action["href"] + entry["oid"]}}}
                for entry in asked["objects"]
            ]})
        if request.path.startswith("/objects/"):
            if request.method == "PUT":
                stored[request.path] = request.body
                return Answer(200)
            return Answer(200, stored[request.path])
        return repository.respond(request)

    server = desk.guarded(respond, challenge='Basic realm="git"')
    desk.profile(server.host)
    desk.version = desk.run([lfs, "version"]).stdout.split()[0].partition("/")[2]
    desk.environment |= {
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_SSL_CAINFO": str(desk.certificate.ca), "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }
    desk.run([git, "config", "--global", f"credential.{server.url}.helper", "tokenkeep"])
    desk.run([git, "lfs", "install", "--skip-repo"])
    url, work = f"{server.url}/repository.git", desk.folder / "work"
    desk.run([git, "init", "--quiet", "--initial-branch=main", work])
    desk.run([git, "-C", work, "lfs", "track", "*.bin"])
    (work / "a.bin").write_bytes(os.urandom(1000))
    desk.run([git, "-C", work, "add", "."])
    desk.run([git, "-C", work, "commit", "--quiet", "-m", "one"])
    before = desk.issuer.count
    desk.run([git, "-C", work, "push", url, "main"])
    desk.run([git, "clone", "--quiet", url, desk.folder / "clone"])
    desk.claim((desk.folder / "clone/a.bin").read_bytes() == (work / "a.bin").read_bytes(), "the object did not come back")
    desk.claim(stored and desk.issuer.count == before + 1, f"{desk.issuer.count - before} requests")
    schemes = sorted({request.scheme for request in server.served if "objects" in request.path})
    desk.fact(f"push and clone of an object = 1 request; sent as {', '.join(schemes)}")
    desk.run([git, "-C", work, "remote", "add", "origin", url])
    desk.run(["tokenkeep", "token", "forget"])

    def locks(succeeds=True):
        return desk.run([git, "-C", work, "lfs", "locks"], succeeds=succeeds)

    desk.calls(locks)
    desk.expiry(locks)
    desk.revocation(locks)
    desk.fact("the command that is refused is served")
    foreign = desk.foreign(challenge='Basic realm="foreign"')
    desk.run([git, "config", "--global", f"credential.{foreign.url}.helper", "tokenkeep"])
    desk.run([git, "-C", work, "config", "lfs.url", f"{foreign.url}/lfs"])
    locks(succeeds=False)
    desk.nothing_for(foreign)


def as_lfs(content):
    return Answer(200, json.dumps(content).encode(), {"content-type": "application/vnd.git-lfs+json"})


def gits():
    found = [f"{folder}/git" for folder in ("/usr/local/bin", "/usr/bin") if os.access(f"{folder}/git", os.X_OK)]
    return found


def newest(desk):
    desk.bench.tools.debian("git")
    return max(gits(), key=lambda git: version(desk, git))


def version(desk, git):
    return tuple(int(part) for part in desk.run([git, "--version"]).stdout.split()[2].split(".")[:2])
