"""`flywheel roi compute`: what a model claims, and what of it can be defended."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from apps.platform.documents import LONGEST, BadDocument
from apps.reports.domain.roi.appraisal import Appraisal
from apps.reports.domain.roi.figures import money, percent
from apps.reports.domain.roi.simulating import DRAWS, FEWEST_DRAWS, MOST_DRAWS, LineReturn, Percentages, Simulation

BAD_USAGE = 2


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("roi", help="what an investment returned")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    compute = verbs.add_parser("compute", help="compute a model: as claimed, and as it can be defended")
    compute.add_argument("model", type=Path, metavar="MODEL.yaml")
    compute.add_argument("--format", choices=("table", "json"), default="table")
    compute.add_argument("--seed", type=_seed, default=1, help="the same seed gives the same figures (default: 1)")
    compute.add_argument("--draws", type=_draws, default=DRAWS, help=f"default: {DRAWS:,}")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the appraisal of a model. Exit 2 for a file that cannot be read or is wrong, each fault with its line."""
    from apps.reports.domain.roi.appraisal import appraise
    from apps.reports.domain.roi.reading import read_model

    try:
        model = read_model(_read(options.model))
    except (OSError, UnicodeDecodeError) as error:
        print(f"flywheel: {options.model} cannot be read: {error}", file=sys.stderr)
        return BAD_USAGE
    except BadDocument as error:
        for fault in error.faults:
            print(f"{options.model}: {fault}", file=sys.stderr)
        return BAD_USAGE
    found = appraise(model, seed=options.seed, draws=options.draws)
    if options.format == "json":
        print(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_told(found)))
    return 0


def _read(path: Path) -> str:
    with path.open("rb") as file:
        # One byte more than the longest document: a file of any size is refused without being read whole.
        return file.read(4 * LONGEST + 1).decode("utf-8")


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number of at most nine digits")
    return int(text)


def _draws(text: str) -> int:
    if not text.isdecimal() or not FEWEST_DRAWS <= int(text[:9]) <= MOST_DRAWS:
        raise argparse.ArgumentTypeError(f"{text!r}: between {FEWEST_DRAWS:,} and {MOST_DRAWS:,}")
    return int(text)


def _told(found: Appraisal) -> list[str]:
    lines = [found.model.name or "model"]
    if found.claimed is not None:
        roi = found.claimed.roi_percent
        shown = "no cost, so no ratio" if roi is None else f"ROI {percent(roi / 100, 1)}"
        cost, benefit = (money(each, found.model.currency) for each in (found.claimed.cost, found.claimed.benefit))
        lines.append(f"CLAIMED      cost {cost} · benefit {benefit} · {shown}")
    if found.simple is not None:
        simple = found.simple
        lines.append(
            f"  simple     {money(simple.investment, found.model.currency)} once, "
            f"{money(simple.monthly_benefit, found.model.currency)} a month: {simple.ratio:.1f}× after one month, "
            f"ROI {percent(simple.roi_percent / 100)} · paid back in {simple.payback_months:.1f} months · "
            f"{money(simple.annual_value, found.model.currency)} a year"
        )
    if found.defensible is not None:
        lines += _defended(found, found.defensible)
    lines += [f"! {warning}" for warning in found.warnings]
    return lines


def _defended(found: Appraisal, of: Simulation) -> list[str]:
    currency = found.model.currency
    paid = [f"month {month}" if month else ("at once" if month == 0 else "not within it") for month in
            (of.payback.p50, of.payback.p90)]  # fmt: skip
    rows = [
        f"DEFENSIBLE   {found.headline}",
        f"  ROI        {_percentages(of.roi)}",
        f"  net        P10 {money(of.net.p10, currency)} · P50 {money(of.net.p50, currency)} · "
        f"P90 {money(of.net.p90, currency)} · chance of a loss {of.chance_of_loss:.1%}",
        f"  NPV        {money(of.npv.p50, currency)} at {percent(found.model.discount_rate)} a year "
        f"(P10 {money(of.npv.p10, currency)}) · paid back {paid[0]}, P90 {paid[1]}",
        f"  {of.draws:,} draws, seed {of.seed}, {of.months} months",
    ]
    if of.by_default_haircuts is not None:
        rows.append(
            f"  with each grade's own haircut instead of the model's: ROI {_percentages(of.by_default_haircuts)}"
        )
    rows.append(f"BENEFITS     {'':28} grade  {'P10':>11} {'P50':>11} {'P90':>11}")
    rows += [_line(line, currency) for line in of.lines] or ["  none is decided yet"]
    rows.append("COSTS")
    rows += [
        f"  {cost.label:39}        {money(cost.total.p10, currency):>11} {money(cost.total.p50, currency):>11} "
        f"{money(cost.total.p90, currency):>11}"
        for cost in of.costs
    ] or ["  none"]
    if of.tornado:
        rows.append("WHAT DRIVES THE SPREAD   net value when one input goes from its P10 to its P90")
        rows += [
            f"  {swing.label:28} {swing.low_input:f} – {swing.high_input:f}: "
            f"{money(swing.net_at_low, currency)} – {money(swing.net_at_high, currency)}"
            for swing in of.tornado
        ]
    if of.apart:
        rows.append("APART, IN NO TOTAL")
        rows += [_line(line, currency) for line in of.apart]
    rows += [f"NOT COUNTED  {reason}" for reason in of.not_counted]
    return rows


def _line(line: LineReturn, currency: str) -> str:
    grade = f"{line.grade} −{percent(line.haircut)}" if line.haircut else line.grade
    label = line.label + (" (undecided)" if line.undecided else "")
    return (
        f"  {label:39} {grade:7}{money(line.total.p10, currency):>11} {money(line.total.p50, currency):>11} "
        f"{money(line.total.p90, currency):>11}"
    )


def _percentages(roi: Percentages | None) -> str:
    if roi is None:
        return "nothing is spent, so there is no ratio"
    return " · ".join(f"{name} {percent(value / 100, 1)}" for name, value in
                      (("P10", roi.p10), ("P50", roi.p50), ("P90", roi.p90)))  # fmt: skip
