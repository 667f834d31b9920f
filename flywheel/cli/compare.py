"""`flywheel compare`: two proportions, read once or while watching; and what a verdict would have needed."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from typing import Any

from apps.experiments.domain.statistics import Comparison, Summary, compare
from flywheel.cli.power import share, sizes

_COUNTS = re.compile(r"(\d{1,12})/(\d{1,12})")


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("compare", help="compare two proportions")
    parser.add_argument("--control", type=counts, required=True, metavar="23/100")
    parser.add_argument("--treatment", type=counts, required=True, metavar="34/100")
    parser.add_argument("--planned-n", type=planned, help="total over both arms where the sequence is tightest")
    parser.add_argument("--alpha", type=share, default=0.05)
    method = parser.add_mutually_exclusive_group()
    method.add_argument("--fixed", dest="method", action="store_const", const="fixed", default="fixed",
                        help="one look, planned beforehand (default)")  # fmt: skip
    method.add_argument("--sequential", dest="method", action="store_const", const="sequential",
                        help="valid however often one looks")  # fmt: skip
    parser.add_argument("--format", choices=("table", "json"), default="table")
    return parser


def counts(text: str) -> Summary:
    """Return successes of trials as a summary. Raises ArgumentTypeError."""
    match = _COUNTS.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]) or int(match[2]) < 2:
        raise argparse.ArgumentTypeError(f"{text!r}: say successes/trials, such as 23/100, at least 2 trials")
    return Summary.of_successes(int(match[1]), int(match[2]))


def planned(text: str) -> int:
    """Return a planned total. Raises ArgumentTypeError."""
    if not text.isdecimal() or len(text) > 12 or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number, at least 2")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Print the comparison."""
    found = compare(
        options.control, options.treatment, metric="proportion", alpha=options.alpha, method=options.method,
        planned_n=options.planned_n,
    )  # fmt: skip
    needed = _needed(options.control.mean, options.treatment.mean, options.alpha)
    if options.format == "json":
        print(json.dumps({**asdict(found), "needed_per_arm": needed}, indent=2))
    else:
        print(_told(found, options, needed))
    return 0


def _needed(control: float, treatment: float, alpha: float) -> dict[str, int] | None:
    """Return units per arm that see a difference of this size with 80 % power; None where none could."""
    if control == treatment or not (0 < control < 1 and 0 < treatment < 1):
        return None
    return sizes(baseline=control, effect=treatment - control, alpha=alpha, power=0.8)


def _told(found: Comparison, options: argparse.Namespace, needed: dict[str, int] | None) -> str:
    assert found.difference is not None
    assert found.interval is not None
    words = {"treatment": "treatment is better", "control": "control is better", "continue": "not significant"}
    how = "one look" if found.method == "fixed" else "valid at every look"
    lines = [
        f"control    {options.control.mean:7.2%} of {options.control.n:,}",
        f"treatment  {options.treatment.mean:7.2%} of {options.treatment.n:,}",
        f"difference {100 * found.difference:+.1f} points   {100 * (1 - found.alpha):g} % "
        f"[{100 * found.interval[0]:+.1f}, {100 * found.interval[1]:+.1f}]   p = {found.p_value:.3g}   ({how})",
    ]
    if found.lift is not None and found.lift_interval is not None:
        low, high = found.lift_interval
        lines.append(f"lift       {found.lift:+.1%}   [{low:+.1%}, {high:+.1%}]")
    if found.chance_to_win is not None:
        lines.append(f"chance that treatment is better {found.chance_to_win:.1%}   (information, no reason to stop)")
    lines.append(f"verdict    {words[found.verdict]}" + (f": {found.insufficient}" if found.insufficient else ""))
    if found.verdict == "continue" and needed is not None:
        lines.append(
            f"           a difference of this size needs {needed['fixed']:,} per arm with one look, "
            f"about {_rounded(needed['sequential']):,} when watching (80 % power)"
        )
    return "\n".join(lines)


def _rounded(n: int) -> int:
    """Return n to two figures, upwards or downwards: a planning figure is no more exact than that."""
    return int(float(f"{n:.2g}"))
