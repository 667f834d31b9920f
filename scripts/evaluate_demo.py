"""Live the demo's week with several seeds; print how well attacks were found and how often intervals were right.

    .venv/bin/flywheel up &
    .venv/bin/python scripts/evaluate_demo.py --seeds 12

Everything is measured end to end: pushed through the API, analyzed by the workers, read back, compared with the truth.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from apps.evaluations.domain.intervals import wilson


def main() -> None:
    """Print two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12, help="1, 2, … up to this one")
    parser.add_argument("--per-week", type=int, default=10_000)
    parser.add_argument("--data-dir", type=Path, default=Path("var"))
    options = parser.parse_args()
    weeks = []
    for seed in range(1, options.seeds + 1):
        weeks.append(_live(seed, options))
        print(f"seed {seed}: {weeks[-1]['detection']['found']} of {weeks[-1]['detection']['sent']}", file=sys.stderr)
    print(f"{len(weeks)} weeks of {options.per_week:,} conversations, seeds 1 to {options.seeds}\n")
    _print_detection([week["detection"] for week in weeks])
    _print_coverage(weeks)


def _live(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "flywheel.cli", "demo", "--no-serve", "--format", "json", "--seed", str(seed),
               "--per-week", str(options.per_week), "--data-dir", str(options.data_dir)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    week: dict[str, Any] = json.loads(done.stdout)
    return week


def _print_detection(found: list[dict[str, Any]]) -> None:
    print("| what | found |\n|---|---|")
    _print_share(
        "conversations with an attack", sum(week["found"] for week in found), sum(week["sent"] for week in found)
    )
    styles = _added(week["by_style"] for week in found)
    plain = styles.pop("plain", (0, 0))
    _print_share("… in the words most attackers use", *plain)
    _print_share(
        "… in more inventive ones", sum(hit for hit, _ in styles.values()), sum(of for _, of in styles.values())
    )
    for name, (hits, sent) in sorted(_added(week["by_type"] for week in found).items()):
        _print_share(f"… {name.replace('_', ' ')}", hits, sent)
    leaks, missed = sum(week["leaks_alone"] for week in found), sum(week["missed"] for week in found)
    _print_share("of the missed, those whose leak in the reply was found", leaks, missed)
    _print_share("false alarms", sum(w["false_alarms"] for w in found), sum(w["harmless"] for w in found))
    _print_share("… at decoys", sum(w["decoys_flagged"] for w in found), sum(w["decoys"] for w in found))
    recalls = sorted(week["recall"] for week in found)
    print(f"\nRecall a week: from {recalls[0]:.0%} to {recalls[-1]:.0%}.\n")


def _print_coverage(weeks: list[dict[str, Any]]) -> None:
    print("| figure | truth inside the 95 % interval | largest distance from the truth |\n|---|---|---|")
    for key in weeks[0]["measured"]:
        pairs = [(week["truth"][key], week["measured"][key]) for week in weeks]
        known = [(true, got) for true, got in pairs if true is not None and got["value"] is not None]
        bounded = [(true, got["interval"]) for true, got in known if got["interval"]]
        inside = sum(low <= true <= high for true, (low, high) in bounded)
        furthest = max((abs(got["value"] - true) for true, got in known), default=0.0)
        print(f"| {key} | {f'{inside} of {len(bounded)}' if bounded else '–'} | {furthest:.3f} |")


def _print_share(name: str, part: int, whole: int) -> None:
    interval = wilson(part, whole)
    if interval is None:
        return
    digits = 0 if part / whole > 0.01 else 3
    low, high = (f"{bound * 100:.{digits}f}" for bound in interval)
    print(f"| {name} | {part:,} of {whole:,} = {part / whole * 100:.{digits}f} % [{low}, {high}] |")


def _added(counts: Iterable[dict[str, list[int]]]) -> dict[str, tuple[int, int]]:
    hits, sent = Counter[str](), Counter[str]()
    for week in counts:
        for name, (found, of) in week.items():
            hits[name] += found
            sent[name] += of
    return {name: (hits[name], sent[name]) for name in sent}


if __name__ == "__main__":
    main()
