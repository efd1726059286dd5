"""What stays behind: secrets, tokens, locks, temporaries."""

import time

from faulting.injector import Injection, each
from faulting.place import LATER, finish
from faulting.row import lost, row
from faulting.rows_keeping import Fresh, wait_for

RENAMES = "rename,renameat,renameat2,link,linkat"


@row("D9", "after an interrupted rekey, remove and set leave the old secret behind")
def outlived(bench):
    for number in range(1, 20):
        with bench.place() as place:
            injection = Injection("kill-after", number, RENAMES)
            place.run("rekey", under=injection.under)
            if injection.hit is None:
                break
            with Fresh(place):
                ended = place.run("credentials", "remove", "-p", "p", "--yes")
                if left := place.files("secrets"):
                    yield f"rekey killed after {injection.hit}, then remove (exit {ended.code}): {', '.join(left)} stays"
            place.set(2, must=True)
            if len(place.files("secrets")) > 1:
                yield f"rekey killed after {injection.hit}, then set: {', '.join(place.files('secrets'))}"
            if (ended := place.run("rekey")).code != 0:
                yield f"rekey killed after {injection.hit}, then set and rekey: {ended}"
            yield from lost(place, "set and rekey", (2,))
    yield from interrupted_remove(bench)
    with bench.place() as place:
        (place.config / "key").rename(place.root / "key")
        ended = place.run("credentials", "remove", "-p", "p", "--yes")
        if left := place.files("secrets"):
            yield f"remove without the key file (exit {ended.code}): {', '.join(left)} stays"


def interrupted_remove(bench):
    for others in ([], ["q"]):
        with bench.place() as place:
            for name in others:
                place.set(1, profile=name, must=True)
            place.must("token", "get", "-p", "p")
            number = 0
            while True:
                number += 1
                with Fresh(place):
                    injection = Injection("kill-after", number, "changes")
                    place.run("credentials", "remove", "-p", "p", "--yes", under=injection.under)
                    if injection.hit is None:
                        break
                    place.run("credentials", "remove", "-p", "p", "--yes")
                    place.fix()
                    if len(left := place.files("secrets")) > len(others):
                        yield f"remove killed after {injection.hit}: {', '.join(left)} stays after remove and doctor --fix"


@row("D10", "tokens of late writers, lock files, expired tokens and temporaries are never collected")
def never_collected(bench):
    with bench.place(latency=2.0) as place:
        gets = []
        for generation in range(1, 5):
            gets.append(place.start("token", "get", "-p", "p", "--refresh"))
            wait_for(lambda want=generation: place.issuer.count >= want, 3)
            place.set(generation + 1, must=True)
        for get in gets:
            finish(get)
        place.issuer.latency = 0
        place.must("token", "get", "-p", "p")
        place.fix()
        if len(left := place.files("tokens")) > 1:
            yield f"{len(left)} tokens of one profile after late writers and doctor --fix"
        place.run("token", "forget", "-p", "p")
        if left := place.files("tokens"):
            yield f"{len(left)} tokens after forget"
        place.run("credentials", "remove", "-p", "p", "--yes")
        if left := place.files("tokens"):
            yield f"{len(left)} tokens after remove"
    with bench.place(latency=1.0) as place:
        get = place.start("token", "get", "-p", "p")
        wait_for(lambda: place.issuer.count)
        place.run("credentials", "remove", "-p", "p", "--yes")
        finish(get)
        if left := place.files("tokens"):
            yield f"{len(left)} token(s) of a fetch that ended after remove"
    with bench.place() as place:
        for generation in range(2, 14):
            place.must("token", "get", "-p", "p")
            place.run("token", "forget", "-p", "p")
            place.set(generation, must=True)
        place.fix()
        if len(left := place.files("locks")) > 2:
            yield f"{len(left)} lock files after 12 rotations and doctor --fix"
    with bench.place(lifetime=1) as place:
        for number in range(12):
            place.must("token", "get", "-p", "p", "--param", f"n={number}")
        time.sleep(1.1)
        place.fix(under=LATER)
        place.get("--refresh", under=LATER)
        if len(left := place.files("tokens")) > 2:
            yield f"{len(left)} tokens that expired days ago, after doctor --fix"
    with bench.place() as place:
        get = ["token", "get", "-p", "p", "--param", "only=once"]
        for _, injection, _ in each("kill-after", lambda i: place.run(*get, under=i.under), "changes", "tokens"):
            place.fix(under=LATER)
            for path in place.all_files():
                if path.name.endswith(".tmp"):
                    yield f"get killed after {injection.hit}: {path.parent.name}/{path.name} stays"
            place.run("token", "forget", "--all")
