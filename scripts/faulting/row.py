"""The rows of scripts/faults: a name, a sentence that says what goes wrong, and a generator that yields what it found."""

import contextlib
import pathlib

from faulting.answering import Answerer
from faulting.issuer import Issuer
from faulting.place import Place

ROWS = {}


class Skipped(Exception):
    """A row that cannot be judged here, with the reason."""


class Row:
    def __init__(self, name, sentence, find):
        self.name, self.sentence, self.find = name, sentence, find


def row(name, sentence):
    def declared(find):
        ROWS[name] = Row(name, sentence, find)
        return find

    return declared


class Bench:
    """What a row works with: the program under judgement, and the pair if there is one."""

    def __init__(self, program, pair=None):
        self.program = program
        beside = pathlib.Path(pair or pathlib.Path(program.path).parent)
        self.pair = beside if (beside / "tokenkeep-full").exists() else None

    @contextlib.contextmanager
    def place(self, bare=False, **issuer):
        """A place with its own issuer, which stays set up as profile `p` unless `bare`."""
        with Issuer(**issuer) as server, Place(self.program, server, bare) as place:
            yield place

    @contextlib.contextmanager
    def answered(self, reply, bare=False, **how):
        """A place whose issuer gives this answer, whatever is asked."""
        with Answerer(reply, **how) as server, Place(self.program, server, bare) as place:
            yield place

    def front(self):
        if not self.pair:
            raise Skipped("no tokenkeep-full beside the binary; name the folder with --pair DIR")
        return str(self.pair / "tokenkeep")


def lost(place, what, generations=(1,), get=True):
    """Yields a fault unless the next `token get` gives a token of one of these generations."""
    outcome = place.get("--refresh")
    if outcome.code != 0:
        yield f"{what}: afterwards token get: {outcome}"
    elif get and generation(outcome.out) not in generations:
        yield f"{what}: afterwards a token of generation {generation(outcome.out)}"


def generation(token):
    """The generation of the secret that a token was issued for; -1 if it is no token of the issuer."""
    parts = token.strip().split(".")
    return int(parts[3]) if len(parts) == 6 and parts[3].isdigit() else -1
