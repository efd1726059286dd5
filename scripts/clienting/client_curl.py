"""curl, which takes a configuration (-K -) or headers (-H @-) on stdin."""

from clienting.row import client
from clienting.server import Answer


@client("curl")
def curl(desk):
    program = desk.bench.tools.debian("curl")
    desk.version = desk.run([program, "--version"]).stdout.split()[1]
    server, foreign = desk.guarded(lambda _: Answer(200, b"served\n")), desk.foreign()
    desk.profile(server.host)

    def once(form="curl", option="-K", value="-", url=server.url):
        given = desk.run(["tokenkeep", "token", "get", "--format", form], prints_token=True).stdout
        ended = desk.run([program, "-sS", "--fail", "--cacert", desk.certificate.ca, option, value, url], stdin=given)
        desk.claim(ended.stdout == "served\n", f"curl printed {ended.stdout!r}")

    desk.calls(once)
    once("header", "-H", "@-")
    desk.fact("-H @- too")
    # A redirect is the one way in which curl goes to another host by itself.
    moved = desk.guarded(lambda _: Answer(302, b"", {"location": foreign.url}))
    for form, option, value in (("curl", "-K", "-"), ("header", "-H", "@-")):
        given = desk.run(["tokenkeep", "token", "get", "--format", form], prints_token=True).stdout
        desk.run([program, "-sS", "-L", "--cacert", desk.certificate.ca, option, value, moved.url], stdin=given)
    desk.claim(len(moved.served) == 2 and len(foreign.requests) == 2, "curl did not follow the redirect")
    desk.nothing_for(foreign)
    desk.expiry(once)
    desk.fact("reports no refusal")
