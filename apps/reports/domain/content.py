"""A valuation as a report shows it: JSON, every figure with what it was made of. Text is data here: nothing is escaped.

Nothing is simulated here: ``Simulation`` is only read, so the web process may use this module's readers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from apps.reports.domain.ledger import Assembled, Book, Row
from apps.reports.domain.months import in_words, later
from apps.reports.domain.roi.figures import money
from apps.reports.domain.roi.model import GRADE_WORDS, Grade, Model
from apps.reports.domain.worth import TEAMS, unit_of, worth_of

if TYPE_CHECKING:
    from apps.reports.domain.roi.simulating import CostTotal, LineReturn, Simulation, Swing

_Return = TypeVar("_Return", bound="LineReturn | CostTotal")
Content = dict[str, Any]
FORMAT = 1
NO_CURRENCY = "no_currency"
EMPTY = "empty"
READY = "ready"
DID = frozenset({"promoted", "deployed"})
# The waterfall shows so many lines; smaller ones, and what is less than a share of the whole, stand together.
_STEPS = 12
_SMALLEST_STEP = 0.005


def make_content(book: Book, assembled: Assembled, simulation: Simulation | None, *, code: str, as_of: str) -> Content:
    """Return what the ledger comes to, or what is missing for it to come to anything."""
    state = NO_CURRENCY if not book.currency else EMPTY if simulation is None else READY
    content: Content = {
        "format": FORMAT, "state": state, "as_of": as_of, "code": code, "currency": book.currency,
        "first_month": assembled.first, "this_month": book.this_month,
        "headline": _headline(book, simulation), "missing": _missing(book, assembled),
        "not_counted": list(book.not_counted), "assumptions": _assumptions(book),
        "lines": [], "costs": [], "apart": [], "fan": [], "by_month": [], "waterfall": [], "tornado": [],
        "figures": None, "inputs": None, "adopted": [list(each) for each in adopted(book.rows)],
        "left_out": [
            {"key": key, **_described(book, key), "why": why} for key, why in assembled.left_out
        ],
    }  # fmt: skip
    if simulation is None or assembled.model is None or state == NO_CURRENCY:
        return content
    return content | _simulated(book, assembled.model, assembled.first, simulation)


def digest(content: Content) -> str:
    """Return the hash of a content: of its canonical JSON, so that it can be checked anywhere."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any) -> Any:
    """Return a value as JSON knows it; amounts are numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if hasattr(value, "isoformat") else value


def _simulated(book: Book, model: Model, first: str, simulation: Simulation) -> Content:
    months = [later(first, number - 1) for number in range(simulation.months + 1)]
    return {
        "seed": simulation.seed,
        "draws": simulation.draws,
        "months": simulation.months,
        "discount_rate": plain(model.discount_rate),
        "figures": plain(
            {
                "net": asdict(simulation.net), "benefit": asdict(simulation.benefit), "cost": asdict(simulation.cost),
                "npv": asdict(simulation.npv), "roi": asdict(simulation.roi) if simulation.roi else None,
                "chance_of_loss": round(simulation.chance_of_loss, 4), "payback": asdict(simulation.payback),
            }
        ),
        "fan": [plain(asdict(point)) | {"label": in_words(months[point.month])} for point in simulation.fan],
        "by_month": [
            plain(asdict(each)) | {"label": months[each.month]} for each in simulation.by_month if each.month
        ],
        "at_start": plain(asdict(simulation.by_month[0])),
        "lines": [_line(book, model, line) for line in _largest_first(simulation.lines)],
        "apart": [_line(book, model, line) for line in _largest_first(simulation.apart)],
        "costs": [plain(asdict(cost)) | _described(book, cost.key) for cost in _largest_first(simulation.costs)],
        "waterfall": _waterfall(simulation),
        "tornado": [plain(asdict(swing)) | _input(swing, book) for swing in simulation.tornado[:10]],
        # Estimates have a band of their own above.
        "not_counted": [
            words for words in dict.fromkeys(simulation.not_counted)
            if words not in {f"{line.label}: an estimate (grade D), shown apart" for line in simulation.apart}
        ],
        "inputs": plain(asdict(model)),
    }  # fmt: skip


def _headline(book: Book, simulation: Simulation | None) -> str | None:
    if simulation is None or not book.currency:
        return None
    p10 = simulation.net.p10
    period = f"in its first {simulation.months} months, given the assumptions"
    if p10 < 0:
        return f"90 % likely to lose no more than {money(-p10, book.currency)} net {period}"
    return f"90 % likely to be worth at least {money(p10, book.currency)} net {period}"


def _missing(book: Book, assembled: Assembled) -> list[str]:
    found = []
    if not book.currency:
        found.append("The organization has no currency: amounts cannot be added up until it is said")
    if not any(row.metric for row in book.rows):
        found.append("Nothing has been decided yet: a line is written when an experiment, rollout or change ends")
    if not any(row.kind is not None and not row.metric for row in book.rows):
        found.append("Nobody has said how many hours the work takes, nor what an hour costs")
    found += [f"Nobody has said {name}" for name in assembled.missing]
    return found


def _assumptions(book: Book) -> list[dict[str, Any]]:
    return [
        plain(asdict(each)) | {"application": application, "version": book.versions.get((application, each.key))}
        for application, found in sorted(book.assumptions.items())
        for each in found
    ]


def _line(book: Book, model: Model, line: LineReturn) -> dict[str, Any]:
    defined = next(each for each in model.benefits if each.key == line.key)
    terms = {
        "unit_value": defined.unit_value, "realisation": defined.realisation, "attribution": defined.attribution,
        "a_month_volume": defined.volume, "first": defined.first, "last": defined.last, "share": defined.share,
    }  # fmt: skip
    return {**plain(asdict(line)), **_described(book, line.key), **plain(terms)}


def _described(book: Book, key: str) -> dict[str, Any]:
    """Return what a line's rows say of it: its source, how that ended, effect, interval, volume so far."""
    rows = [row for row in book.rows if row.key == key]
    if not rows:
        return {}
    newest = rows[-1]
    worth = worth_of(newest.metric) if newest.metric else None
    described: dict[str, Any] = plain(
        {
            "application": newest.application, "source_kind": newest.source_kind, "source_id": newest.source_id,
            "metric": newest.metric, "name": newest.name, "state": newest.state,
            "team": worth.team if worth else "engineering", "what": newest.what,
            "grade": newest.grade or None,
            "evidence": GRADE_WORDS[Grade(newest.grade)] if newest.grade else None,
            "effect": newest.effect, "low": newest.low, "high": newest.high,
            "falls_are_gains": newest.falls_are_gains, "selected": newest.selected, "reach": newest.reach,
            "volume": sum((row.volume for row in rows), Decimal(0)), "periods": [row.period for row in rows],
            "ongoing": newest.ongoing,
        }
    )  # fmt: skip
    return described


def _input(swing: Swing, book: Book) -> dict[str, str]:
    """Return an input's name (whose it is only where there are several applications), its unit or its metric."""
    application, colon, key = swing.key.partition(":")
    if colon and application in book.assumptions:
        name = key.replace("_", " ").capitalize()
        return {
            "label": name if len(book.assumptions) == 1 else f"{name}, {application}",
            "unit": unit_of(key, next((each.unit for each in book.assumptions[application] if each.key == key), "")),
        }
    row = next((row for row in book.rows if row.key == swing.key and row.metric), None)
    if row is None:
        return {"label": swing.label, "unit": ""}
    return {"label": f"Effect of {row.name} on {row.metric.replace('_', ' ')}", "unit": "", "metric": row.metric}


def _largest_first(found: Sequence[_Return]) -> list[_Return]:
    return sorted(found, key=lambda each: -abs(each.total.mean))


def _waterfall(simulation: Simulation) -> list[dict[str, Any]]:
    """Means of the draws, which add up as medians do not: benefits and costs, largest first, the smallest together."""
    items: list[dict[str, Any]] = [
        {"label": line.label, "value": line.total.mean, "grade": line.grade}
        for line in _largest_first(simulation.lines)
    ]
    items += [
        {"label": cost.label, "value": -cost.total.mean, "grade": None} for cost in _largest_first(simulation.costs)
    ]
    sizes = sorted((abs(each["value"]) for each in items), reverse=True)
    least = max(sum(sizes) * Decimal(str(_SMALLEST_STEP)), sizes[_STEPS - 1] if len(sizes) > _STEPS else Decimal(0))
    small = [each for each in items if abs(each["value"]) < least]
    if len(small) > 1:
        items = [each for each in items if each not in small]
        together = sum((each["value"] for each in small), Decimal(0))
        items.append({"label": f"{len(small)} smaller lines together", "value": together, "grade": None})
    items.append({"label": "Net", "value": simulation.net.mean, "grade": None, "total": True})
    return [plain(each) for each in items]


def teams_of(content: Content) -> list[dict[str, Any]]:
    """Return, by team, its changes with their results: what held is done, what did not is learned.

    Each change is {"name", "did", "line" (one of its lines), "results" (its lines that are the team's)}.
    """
    every = [*content["lines"], *content["apart"], *content["costs"], *content["left_out"]]
    found: list[dict[str, Any]] = []
    for team in TEAMS:
        results: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for each in every:
            if each.get("team") == team and each.get("metric") and each["effect"] is not None:
                results.setdefault((each["source_id"], each["application"]), []).append(each)
        changes = [
            {"name": lines[0]["name"], "did": lines[0]["state"] in DID, "line": lines[0], "results": lines}
            for lines in results.values()
        ]
        found.append({"team": team, "changes": sorted(changes, key=lambda change: not change["did"])})
    return found


def by_application(content: Content) -> list[dict[str, Any]]:
    """Return benefit, cost and net of each application, means of the draws."""
    sums: dict[str, list[float]] = {}
    for section, place in (("lines", 0), ("costs", 1)):
        for each in content[section]:
            sums.setdefault(each.get("application", ""), [0.0, 0.0])[place] += each["total"]["mean"]
    return [
        {"application": name, "benefit": benefit, "cost": cost, "net": benefit - cost}
        for name, (benefit, cost) in sorted(sums.items())
    ]


def adopted(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Return the changes that hold in several applications: (name, applications)."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        if row.metric and row.state in DID:
            found.setdefault((row.source_id, row.name), {})[row.application] = None
    return [(name, list(where)) for (_, name), where in found.items() if len(where) > 1]
