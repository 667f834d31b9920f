"""No benefit is counted twice: a conversation's metric in a month belongs to the lines that claim it together once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from apps.reports.domain.roi.figures import percent
from apps.reports.domain.roi.model import METRICS_OF_TIME, WHOLE, BenefitLine

# A conversation that was kept from escalating has no handling left to shorten: volumes of the first are less by
# what the second avoided.
_SPARED_BY = dict.fromkeys(METRICS_OF_TIME, "escalation_rate")


@dataclass(frozen=True)
class Overlaps:
    """Who gets what where several lines claim the same.

    ``shares``: line → month → the part of the claim it keeps (1 where nobody else claims it). ``spared``: line → the
    lines whose avoided conversations its volume does not have. ``notes``: what was therefore not counted. ``faults``:
    claims that cannot both be true.
    """

    shares: Mapping[str, Mapping[int, Decimal]]
    spared: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    faults: tuple[str, ...]


def settle(lines: Sequence[BenefitLine], *, months: int) -> Overlaps:
    """Return what each counted line keeps of its claim over a horizon of so many months.

    A joint effect (measured by a holdout from several changes together) takes the whole claim. Otherwise written
    shares hold, and what they leave is split evenly among the lines that name none.
    """
    counted = [line for line in lines if line.is_counted]
    claims: dict[tuple[str, str], list[BenefitLine]] = defaultdict(list)
    for line in counted:
        if line.metric is not None:
            claims[line.metric, line.scope].append(line)
    shares: dict[str, dict[int, Decimal]] = {}
    notes: dict[str, None] = {}
    faults: dict[str, None] = {}
    for (metric, scope), claimants in claims.items():
        faults |= dict.fromkeys(_impossible(claimants, metric, scope, months))
        for month in range(1, months + 1):
            present = [line for line in claimants if month in months_of(line, months)]
            for line, share in _split(present):
                shares.setdefault(line.key, {})[month] = share
            notes |= dict.fromkeys(_lost(present, metric, scope))
    spared = {line.key: _spared(line, counted) for line in counted if _spared(line, counted)}
    names = {line.key: _called(line) for line in counted}
    notes |= {
        f"{_called(line)}: conversations that {', '.join(map(names.__getitem__, by))} kept from escalating are not "
        "counted again": None
        for line in counted
        if (by := spared.get(line.key))
    }
    return Overlaps(shares, spared, tuple(notes), tuple(faults))


def months_of(line: BenefitLine, months: int) -> range:
    """Return the months of the horizon in which a line brings something."""
    return range(max(line.first, 1), min(line.last or months, months) + 1)


def _split(lines: list[BenefitLine]) -> list[tuple[BenefitLine, Decimal]]:
    joint = [line for line in lines if line.joint]
    if joint:
        return [(line, WHOLE / len(joint) if line.joint else Decimal(0)) for line in lines]
    open_ones = [line for line in lines if line.share is None]
    given = sum((line.share for line in lines if line.share is not None), Decimal(0))
    rest = max(WHOLE - given, Decimal(0)) / len(open_ones) if open_ones else Decimal(0)
    return [(line, rest if line.share is None else line.share) for line in lines]


def _lost(lines: list[BenefitLine], metric: str, scope: str) -> list[str]:
    if len(lines) < 2:
        return []
    claim = f"{metric} of {scope} conversations"
    joint = [line for line in lines if line.joint]
    if joint:
        whole = ", ".join(_called(line) for line in joint)
        return [f"{_called(line)}: {claim} is in the joint effect of {whole}" for line in lines if not line.joint]
    parts = ", ".join(f"{_called(line)} {percent(share)}" for line, share in _split(lines))
    return [f"{claim} is claimed by {len(lines)} lines and counted once: {parts}"]


def _impossible(lines: list[BenefitLine], metric: str, scope: str, months: int) -> list[str]:
    found = []
    for one, other in combinations(lines, 2):
        if (one.churn is None) != (other.churn is None) and _meet(one, other, months):
            found.append(
                f"{one.key!r} and {other.key!r} both count {metric} of {scope} conversations, one as cohorts with "
                "churn and one as a flat run rate: keep one of them"
            )
    for month in range(1, months + 1):
        given = [line for line in lines if line.share is not None and month in months_of(line, months)]
        total = sum((line.share or Decimal(0) for line in given), Decimal(0))
        if total > 1:
            names = ", ".join(repr(line.key) for line in given)
            found.append(f"the shares of {names} in {metric} of {scope} conversations make {percent(total)}")
    return found


def _meet(one: BenefitLine, other: BenefitLine, months: int) -> bool:
    return bool(set(months_of(one, months)) & set(months_of(other, months)))


def _spared(line: BenefitLine, lines: Sequence[BenefitLine]) -> tuple[str, ...]:
    sparing = _SPARED_BY.get(line.metric or "")
    return tuple(
        each.key
        for each in lines
        if sparing is not None and each.metric == sparing and each.scope == line.scope and each.effect is not None
    )


def _called(line: BenefitLine) -> str:
    return line.label or line.key
