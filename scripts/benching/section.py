"""What a part of the benchmark found: a table, the targets, a chart."""

import dataclasses


@dataclasses.dataclass
class Target:
    """A figure that is wished for, and the one that was found: at most so much, or at least."""

    claim: str
    found: float
    limit: float
    unit: str = ""
    at_least: bool = False
    # A goal is told of and not held against anybody.
    goal: bool = False

    @property
    def holds(self):
        return self.found >= self.limit if self.at_least else self.found <= self.limit

    @property
    def verdict(self):
        if self.goal:
            return "reached" if self.holds else "not reached"
        return "holds" if self.holds else "**missed**"

    def cells(self):
        bound = "≥" if self.at_least else "≤"
        digits = 2 if self.limit < 10 else 1 if self.limit < 100 else 0
        return [self.claim, f"{bound} {self.limit:g}{self.unit}", f"{self.found:,.{digits}f}{self.unit}", self.verdict]


@dataclasses.dataclass
class Section:
    """One part of docs/benchmarks.md."""

    name: str
    title: str
    text: str
    header: list
    rows: list
    targets: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)
    # Charts by file name: SVG text.
    charts: dict = dataclasses.field(default_factory=dict)
    rounds: str = ""
