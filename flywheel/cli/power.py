"""`flywheel power`: how many units per arm a verdict needs."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from apps.experiments.domain.statistics import sample_size

BAD_USAGE = 2


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("power", help="how many units per arm a verdict needs")
    parser.add_argument("--baseline", type=share, required=True, help="control's rate, such as 0.23")
    parser.add_argument("--mde", type=float, required=True, help="smallest difference worth seeing, such as 0.11")
    parser.add_argument("--alpha", type=share, default=0.05)
    parser.add_argument("--power", type=share, default=0.8)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    return parser


def share(text: str) -> float:
    """Return a number between 0 and 1, both left out. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a number between 0 and 1")
    return value


def sizes(*, baseline: float, effect: float, alpha: float, power: float) -> dict[str, int]:
    """Return units per arm for one look, and for watching. Raises ValueError as ``sample_size``."""
    asked = {"baseline": baseline, "minimum_detectable_effect": effect, "alpha": alpha, "power": power}
    return {"fixed": sample_size(**asked, method="fixed"), "sequential": sample_size(**asked, method="sequential")}


def run(options: argparse.Namespace) -> int:
    """Print the size for one look, and for watching. Exit 2 for what cannot be detected."""
    try:
        needed = sizes(baseline=options.baseline, effect=options.mde, alpha=options.alpha, power=options.power)
    except ValueError as error:
        print(f"flywheel: {error}", file=sys.stderr)
        return BAD_USAGE
    if options.format == "json":
        print(json.dumps({f"{method}_per_arm": size for method, size in needed.items()}, indent=2))
        return 0
    changed = options.baseline + options.mde
    print(f"{options.baseline:.1%} → {changed:.1%}, alpha {options.alpha:g}, power {options.power:g}")
    print(f"fixed       {needed['fixed']:,} per arm, one look at the end")
    print(f"sequential  {needed['sequential']:,} per arm, looked at as often as one likes")
    return 0
