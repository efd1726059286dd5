"""The clients that there are, and what is found out about one."""

CLIENTS = {}


class Skipped(Exception):
    """The client cannot be run here; the text says why."""


class Failed(Exception):
    """The client, or tokenkeep, did not do what it should."""


def client(name):
    """Enters a function in the table: it takes a Desk and runs the client through everything."""

    def enter(run):
        CLIENTS[name] = run
        return run

    return enter
