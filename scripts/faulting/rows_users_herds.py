"""Many processes and one refusal: one of them hears it for all."""

from faulting.answering import http
from faulting.place import finish
from faulting.row import row

SPRING = {"timestamp": 1, "status": 401, "error": "Unauthorized", "message": "Bad credentials", "path": "/oauth/token"}


def herd(bench, reply, size=8, later=2):
    """Some processes at a time, and some after them; returns how they ended, and how many requests there were."""
    with bench.answered(reply, latency=0.3) as place:
        running = [place.start("--json", "token", "get", "-p", "p") for _ in range(size)]
        ended = [finish(process) for process in running]
        ended += [place.get("--json") for _ in range(later)]
        return ended, place.issuer.count


def judged(bench, what, reply, codes, most=1):
    ended, count = herd(bench, reply)
    if count > most:
        yield f"{what}: {len(ended)} processes made {count} requests"
    for one in ended:
        if one.code not in codes:
            yield f"{what}: {one}"
            break


@row("F3", "a wrong secret that is refused in words of the issuer's own costs one login for each process")
def refused_in_other_words(bench):
    for what, status, body, codes in (
        ("401 of Spring", "401 Unauthorized", SPRING, [4]),
        ("401 with words of its own", "401 Unauthorized", {"error": "incorrect_client_credentials"}, [4]),
        ("401 with a page", "401 Unauthorized", "<html>no</html>", [4]),
        ("401 with nothing", "401 Unauthorized", "", [4]),
        ("400 with words of its own", "400 Bad Request", {"error": "invalid_client_id"}, [4, 7]),
        ("400 with an object", "400 Bad Request", {"error": {"code": 7, "message": "no such client"}}, [4, 7]),
        ("403", "403 Forbidden", {"message": "Forbidden"}, [4]),
    ):
        yield from judged(bench, what, http(status, body), codes)


@row("R43", "a wrong secret that is called an invalid grant is asked for by each process")
def invalid_grant(bench):
    for error in ("invalid_grant", "inactive_user", "unsupported_grant_type"):
        yield from judged(bench, error, http("400 Bad Request", {"error": error, "error_description": "no"}), [4, 7])
    yield from judged(bench, "200 with invalid_grant", http("200 OK", {"error": "invalid_grant"}), [4, 7])


@row("R42", "an issuer with a fault is asked by each process, one after another")
def fault_of_the_issuer(bench):
    for status in ("500 Internal Server Error", "502 Bad Gateway"):
        # One caller repeats its request twice.
        yield from judged(bench, status, http(status, "<html>oops</html>"), [6], most=3)
