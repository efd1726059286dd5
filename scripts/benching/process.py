"""Inside a process: `cargo bench`, and the medians that criterion wrote down."""

import json
import os
import subprocess
import time

from benching.home import Home
from benching.section import Section, Target

CACHED = "cached(), check and clone included"
ALLOWED_NS, GOAL_NS = 60, 40

TEXT = """
What a token costs in a program that has the library, by `benches/keeper.rs`; medians by criterion with its 95 %
interval. A held token is handed out for a second at most before the cache is looked at again: that look is here
too, once with records in memory and once as the small program of the command line makes it, files and all.
"""


def measure(bench):
    issuer = bench.issuer()
    home = Home(bench.tokenkeep, bench.folder("home")).with_key_file(issuer.token_url)
    home.tell("token", "get")
    environment = dict(os.environ)
    environment |= {name: home.environment[name] for name in ("TOKENKEEP_CONFIG_DIR", "TOKENKEEP_DATA_DIR")}
    environment["CRITERION_HOME"] = str(bench.target / "criterion")
    seconds = ("0.3", "0.5") if bench.quick else ("1", "3")
    times = ["--warm-up-time", seconds[0], "--measurement-time", seconds[1]]
    command = [built(), "--bench", "--noplot", "--quiet", *times]
    began = time.time()
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"bench: {ended.stderr[-2000:]}")
    medians = estimates(bench.target / "criterion", began)
    by_time = sorted(medians.items(), key=lambda entry: entry[1]["point_estimate"])
    rows = []
    for name, median in by_time:
        point, interval = median["point_estimate"], median["confidence_interval"]
        bounds = f"{nanoseconds(interval['lower_bound'])} – {nanoseconds(interval['upper_bound'])}"
        rows.append([f"**{name}**" if name == CACHED else name, nanoseconds(point), bounds])
    targets = []
    if CACHED in medians:
        found = medians[CACHED]["point_estimate"]
        targets.append(Target("cached()", found, ALLOWED_NS, " ns"))
        targets.append(Target("cached(): the goal", found, GOAL_NS, " ns", goal=True))
    return Section(
        name="process",
        title="Inside a process",
        text=TEXT,
        header=["what", "median, ns", "95 % interval, ns"],
        rows=rows,
        targets=targets,
        rounds=f"{seconds[1]} s each",
    )


def built():
    """Builds as `cargo bench` does. Run without cargo, nothing is compiled while the estimates' age is looked at."""
    command = ["cargo", "bench", "--quiet", "--bench", "keeper", "--no-run", "--message-format=json"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    units = [json.loads(line) for line in output.splitlines()]
    return next(unit["executable"] for unit in units if unit.get("executable") and unit["target"]["name"] == "keeper")


def estimates(folder, since):
    """The medians that this run wrote, by the name of what was measured."""
    found = {}
    for estimate in folder.glob("**/new/estimates.json"):
        if estimate.stat().st_mtime >= since:
            name = json.loads(estimate.with_name("benchmark.json").read_text())["full_id"]
            found[name] = json.loads(estimate.read_text())["median"]
    return found


def nanoseconds(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
