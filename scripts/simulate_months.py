"""How often the whole wheel decides rightly: the demo over many seeds, its truth beside what was measured.

    python scripts/simulate_months.py [--seeds 20] [--world helpful] [--per-week 1500] [--lanes 2] [--keep FOLDER]

Each seed is a product of its own, from an empty data directory to the fourth week; ``--keep`` keeps what each said, and
a seed that is there is not lived again. Exit 1 when a decision was wrong, or when intervals that should cover the truth
19 times in 20 cover it so rarely that chance does not explain it (the upper end of Wilson's interval is below .95).
docs/statistics.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from apps.evaluations.domain.intervals import wilson

NOMINAL = 0.95


def main() -> int:
    """Live the months, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--world", choices=("helpful", "null", "harmful"), default="helpful")
    parser.add_argument("--per-week", type=int, default=1500)
    parser.add_argument("--lanes", type=int, default=2, help="months lived at once")
    parser.add_argument("--keep", type=Path, help="a folder for what each seed said")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.lanes) as lanes:
        kept = options.keep or Path(scratch)
        kept.mkdir(parents=True, exist_ok=True)
        live = partial(live_month, world=options.world, per_week=options.per_week, kept=kept)
        months = list(lanes.map(live, range(1, options.seeds + 1)))
    return tell(months, options.world, options.per_week)


def live_month(seed: int, *, world: str, per_week: int, kept: Path) -> dict[str, Any]:
    """Return what the demo of this seed said. Raises CalledProcessError where it failed."""
    path = kept / f"{world}-{per_week}-{seed}.json"
    if not path.exists():
        with tempfile.TemporaryDirectory(prefix="flywheel-month-") as data_dir:
            done = subprocess.run(  # noqa: S603
                [sys.executable, "-m", "flywheel.cli", "demo", "--seed", str(seed), "--world", world, "--per-week",
                 str(per_week), "--no-serve", "--format", "json", "--data-dir", data_dir],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        path.write_text(done.stdout)
        print(f"seed {seed} lived", file=sys.stderr, flush=True)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def tell(months: list[dict[str, Any]], world: str, per_week: int) -> int:
    """Print decisions and coverage over all months; return the exit code."""
    decisions = [each for month in months for each in month["decisions"]]
    states = Counter((each["name"], each["state"]) for each in decisions)
    right = sum(each["right"] for each in decisions)
    covered = [inside for month in months for inside in coverage(month)]
    low, high = wilson(sum(covered), len(covered))
    print(f"world {world}, {len(months)} seeds, four weeks of {per_week:,} conversations")
    for (name, state), n in sorted(states.items()):
        print(f"  {name:<16}{state:<14}{n:>4}")
    print(f"decisions right       {right} of {len(decisions)}")
    print(f"randomised intervals  {sum(covered)} of {len(covered)} cover the truth  [{low:.1%}, {high:.1%}]")
    return 0 if right == len(decisions) and high >= NOMINAL else 1


def coverage(month: dict[str, Any]) -> Iterator[bool]:
    """Say of each experiment and each probe run that has an interval, whether the truth is in it."""
    intervals = [(month["truth"][name], told["interval"]) for name, told in month["measured"].items()]
    intervals += [(each["truth"], each["attacks"]["interval"]) for each in month["probes"] if each.get("attacks")]
    for truth, interval in intervals:
        if truth is not None and interval is not None:
            yield interval[0] - 1e-9 <= truth <= interval[1] + 1e-9


if __name__ == "__main__":
    sys.exit(main())
