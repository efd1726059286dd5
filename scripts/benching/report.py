"""docs/benchmarks.md: each section between marks of its own, so that a run of one part replaces that part alone."""

import pathlib
import textwrap

FILE, CHARTS = pathlib.Path("docs/benchmarks.md"), pathlib.Path("docs/benchmarks")

HEAD = """# Benchmarks

Written by `scripts/bench`, which installs what it needs, sends nothing beyond loopback, and ends everything it starts.
These are one machine's figures at one time: they promise nothing of another's. What is compared was measured in turns,
on the same machine and in the same minutes, so ratios mean more than microseconds do.

    scripts/bench                 # everything, some minutes; writes this file and its charts
    scripts/bench warm miss       # some parts: warm, miss, fleet, herd, growth, ledger, process
    scripts/bench --quick         # fewer rounds; writes nothing
    scripts/bench --check         # exit code 1 if a target is missed

A target is what the project wishes for on the machine that is named below each table; a goal beyond it is no promise.
"""


def write(section, measured):
    CHARTS.mkdir(exist_ok=True)
    for name, svg in section.charts.items():
        (CHARTS / name).write_text(svg)
    present = parts(FILE.read_text()) if FILE.exists() else {}
    present[section.name] = markdown(section, measured)
    FILE.write_text("\n".join([HEAD, *(present[name] for name in ORDER if name in present)]))


ORDER = ["warm", "miss", "fleet", "herd", "growth", "ledger", "process"]


def parts(text):
    """The sections that the file holds, by name."""
    found = {}
    for name in ORDER:
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        if begin in text and end in text:
            found[name] = begin + text.split(begin)[1].split(end)[0] + end
    return found


def markdown(section, measured):
    lines = [f"<!-- {section.name} -->", f"## {section.title}", "", section.text.strip(), ""]
    for name in section.charts:
        lines += [f"![{section.title}](benchmarks/{name})", ""]
    lines += table(section.header, section.rows)
    if section.targets:
        lines += ["", *table(["target", "bound", "found", "verdict"], [target.cells() for target in section.targets])]
    lines += ["", *section.notes] if section.notes else []
    lines += ["", *textwrap.wrap(f"*{'; '.join([section.rounds, *measured])}*", 120, break_on_hyphens=False)]
    lines += [f"<!-- end of {section.name} -->", ""]
    return "\n".join(lines)


def table(header, rows):
    aligned = ["---" if index == 0 or not numeric(index, rows) else "---:" for index in range(len(header))]
    return ["| " + " | ".join(row) + " |" for row in [header, aligned, *rows]]


def numeric(column, rows):
    cells = [row[column] for row in rows if row[column] not in ("", "–")]
    return bool(cells) and all(cell[0] in "0123456789-−≤≥" for cell in cells)


def show(section):
    """The same on a terminal."""
    print(f"\n== {section.title.replace('`', '')}")
    columns(section.header, section.rows)
    if section.targets:
        print()
        columns(["target", "bound", "found", "verdict"], [target.cells() for target in section.targets])
    for note in section.notes:
        print(f"\n{note}")
    print(flush=True)


def columns(header, rows):
    plain = [[cell.replace("**", "").replace("`", "") for cell in row] for row in [header, *rows]]
    widths = [max(len(row[index]) for row in plain) for index in range(len(header))]
    for row in plain:
        cells = [
            cell.rjust(width) if numeric(index, plain[1:]) and index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths))
        ]
        print("  ".join(cells).rstrip())
