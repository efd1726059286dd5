"""Python libraries that cache a token in a file: the least program that prints it, as a process of its own."""

import json
import pathlib
import subprocess
import sys
import time

from benching.rivals import PATH, TOKEN, tell
from benching.stopwatch import Candidate, Unfit

# Of one day; all that these draw in is what they ask for.
PINNED = ["spotipy==2.26.0", "msal==1.39.0", "google-auth==2.62.2", "requests==2.34.2"]

SPOTIPY = """
from spotipy.cache_handler import CacheFileHandler
from spotipy.oauth2 import SpotifyClientCredentials
handler = CacheFileHandler(cache_path="spotipy.json")
print(SpotifyClientCredentials("bench", "bench", cache_handler=handler).get_access_token(as_dict=False))
"""

# As its documentation has it for programs that end: the token cache and the answers to discovery each in a file.
MSAL = """
import atexit, os, pickle, msal
answers = pickle.load(open("msal.http_cache", "rb")) if os.path.exists("msal.http_cache") else {}
cache = msal.SerializableTokenCache()
if os.path.exists("msal.json"):
    cache.deserialize(open("msal.json").read())
app = msal.ConfidentialClientApplication(
    "bench", client_credential="bench", oidc_authority="https://localhost:%d/tenant",
    token_cache=cache, http_cache=answers%s)
print(app.acquire_token_for_client(["bench/.default"])["access_token"])
if cache.has_state_changed:
    open("msal.json", "w").write(cache.serialize())
    pickle.dump(answers, open("msal.http_cache", "wb"))
"""

# msal takes https alone. Its first run, which nobody times, asks the same issuer by http instead.
TUNNEL = """
import requests
class Tunnel(requests.Session):
    def request(self, method, url, **how):
        how["headers"] = dict(how.get("headers") or {}, **{"host": url.split("/")[2], "x-forwarded-proto": "https"})
        return super().request(method, url.replace("https://localhost", "http://127.0.0.1"), **how)
"""

GOOGLE = """
from google.oauth2.credentials import Credentials
credentials = Credentials.from_authorized_user_file("google.json")
assert credentials.valid
print(credentials.token)
"""


class Python:
    """An interpreter with the libraries, kept in target/bench, and the folder where their caches lie."""

    def __init__(self, bench):
        self.bench = bench
        bench.packages("/usr/share/doc/python3-venv=python3-venv")
        # The system's: the one that a Debian machine runs them with.
        system = "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else sys.executable
        home = bench.kept / "python"
        stamp = home / "stamp"
        self.program = str(home / "bin/python")
        if not stamp.exists() or stamp.read_text() != f"{system} {PINNED}":
            subprocess.run([system, "-m", "venv", "--clear", str(home)], check=True)
            installing = [self.program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED]
            installed = subprocess.run(installing, capture_output=True, text=True)
            if installed.returncode != 0:
                raise Unfit(f"pip cannot install it: {installed.stderr.strip()[-200:]}")
            stamp.write_text(f"{system} {PINNED}")
        self.folder = bench.folder("python")
        # A proxy that answers nothing: what would leave the machine fails instead.
        proxy = "http://127.0.0.1:9"
        self.environment = {"HOME": str(self.folder), "PATH": PATH, "HTTPS_PROXY": proxy, "HTTP_PROXY": proxy}
        self.version = tell([self.program, "--version"], self.environment)

    def candidate(self, name, package, code):
        pinned = next(pin for pin in PINNED if pin.startswith(package)).replace("==", " ")
        return Candidate(name, self.command(code), self.environment, f"{pinned}, {self.version}", TOKEN.encode())

    def command(self, code):
        # posix_spawn starts it in this folder: it goes to its own.
        return [self.program, "-c", f"import os; os.chdir({str(self.folder)!r})\n{code}"]

    def empty(self):
        return Candidate("python3 -c pass", [self.program, "-c", "pass"], self.environment, self.version)

    def spotipy(self):
        token = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 36000}
        token["expires_at"] = int(time.time()) + 36000
        (self.folder / "spotipy.json").write_text(json.dumps(token))
        return self.candidate("spotipy", "spotipy", SPOTIPY)

    def msal(self):
        port = self.bench.rivals.server.server_port
        filling = TUNNEL + MSAL % (port, ", http_client=Tunnel()")
        without_proxy = {"HOME": str(self.folder), "PATH": PATH}
        tell(self.command(filling), without_proxy)
        return self.candidate("msal", "msal", MSAL % (port, ""))

    def google_auth(self):
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 36000))
        user = {"type": "authorized_user", "client_id": "bench", "client_secret": "bench", "refresh_token": "none"}
        (self.folder / "google.json").write_text(json.dumps(user | {"token": TOKEN, "expiry": ends}))
        return self.candidate("google-auth", "google-auth", GOOGLE)
