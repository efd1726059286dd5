"""Prometheus, which reads the token from a file before each scrape."""

import json
import os
import subprocess

from clienting.desk import until
from clienting.row import client
from clienting.server import Answer


@client("prometheus")
def prometheus(desk):
    program = desk.bench.tools.debian("prometheus")
    said = desk.run([program, "--version"])
    desk.version = (said.stdout + said.stderr).split()[2].rstrip(",")
    metrics = {"content-type": "text/plain; version=0.0.4"}
    foreign, elsewhere = desk.foreign(), desk.foreign()

    def answer(request):
        if request.path == "/moved":
            return Answer(302, b"", {"location": f"https://{elsewhere.named}/metrics"})
        return Answer(200, b"served 1\n", metrics)

    server = desk.guarded(answer)
    desk.profile()
    token, part = desk.home / "token", desk.home / "token.part"
    desk.kept_in_clear |= {token}

    def renew(*arguments):
        """Puts a whole file in the place of the other, as Prometheus may read it at any time."""
        part.touch(mode=0o600)
        part.write_text(desk.run(["tokenkeep", "token", "get", *arguments], prints_token=True).stdout)
        os.replace(part, token)

    renew()
    own = {"authorization": {"credentials_file": str(token)}, "tls_config": {"ca_file": str(desk.certificate.ca)}}
    jobs = [
        {"job_name": "own", "static_configs": [{"targets": [server.host]}]} | own,
        {"job_name": "moved", "metrics_path": "/moved", "static_configs": [{"targets": [server.host]}]} | own,
        {"job_name": "foreign", "static_configs": [{"targets": [foreign.host]}], "tls_config": own["tls_config"]},
    ]
    settings = {
        "global": {"scrape_interval": "100ms", "scrape_timeout": "100ms"},
        "scrape_configs": [job | {"scheme": "https"} for job in jobs],
    }
    path = desk.home / "prometheus.yml"
    path.write_text(json.dumps(settings))
    where = [f"--config.file={path}", f"--storage.tsdb.path={desk.folder / 'scraped'}"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    process = desk.background([program, *where, "--web.listen-address=127.0.0.1:0"], **pipes)
    desk.drain(process.stderr)

    def scraped():
        return [request for request in server.served if request.path == "/metrics"]

    number = desk.most_calls
    until(lambda: len(scraped()) >= number, f"{number} scrapes")
    desk.claim(desk.issuer.count == 1, f"{desk.issuer.count} requests")
    desk.fact(f"{number} scrapes = 1 request")
    until(lambda: foreign.requests, "the foreign target is scraped")
    desk.nothing_for(foreign)
    desk.redirected(elsewhere, lambda: until(lambda: elsewhere.requests, "the redirect is followed"))
    desk.issuer.revoke_all()
    until(lambda: server.refused, "a revoked token is refused")
    renew("--refresh")
    seen = len(scraped())
    until(lambda: len(scraped()) > seen, "the new token is read")
    desk.claim(desk.issuer.count == 2, f"{desk.issuer.count} requests")
    desk.fact("reports no refusal; a new file counts from the next scrape on")
