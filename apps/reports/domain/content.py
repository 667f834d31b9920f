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
from typing import TYPE_CHECKING, Any

from apps.reports.domain.ledger import Assembled, Book, Row
from apps.reports.domain.months import in_words, later
from apps.reports.domain.roi.figures import money
from apps.reports.domain.roi.model import GRADE_WORDS, Grade, Model
from apps.reports.domain.worth import TEAMS, worth_of

if TYPE_CHECKING:
    from apps.reports.domain.roi.simulating import LineReturn, Simulation

Content = dict[str, Any]
FORMAT = 1
NO_CURRENCY = "no_currency"
EMPTY = "empty"
READY = "ready"


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
        "lines": [_line(book, model, line) for line in simulation.lines],
        "apart": [_line(book, model, line) for line in simulation.apart],
        "costs": [plain(asdict(cost)) | _described(book, cost.key) for cost in simulation.costs],
        "waterfall": _waterfall(simulation),
        "tornado": [
            plain(asdict(swing)) | {"label": _input_label(swing.label, book)} for swing in simulation.tornado[:10]
        ],
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


def _input_label(label: str, book: Book) -> str:
    """Return the name of an input; whose it is only where there are several applications."""
    application, colon, key = label.partition(":")
    if not colon or application not in book.assumptions:
        return label
    return key if len(book.assumptions) == 1 else f"{key}, {application}"


def _waterfall(simulation: Simulation) -> list[dict[str, Any]]:
    """Means of the draws, which add up as medians do not."""
    items = [{"label": line.label, "value": plain(line.total.mean), "grade": line.grade} for line in simulation.lines]
    items += [{"label": cost.label, "value": plain(-cost.total.mean), "grade": None} for cost in simulation.costs]
    return [*items, {"label": "Net", "value": plain(simulation.net.mean), "grade": None, "total": True}]


def teams_of(content: Content) -> list[dict[str, Any]]:
    """Return, by team, what it did and what it learned: every decided change is one or the other."""
    every = [*content["lines"], *content["apart"], *content["costs"], *content["left_out"]]
    found = []
    for team in TEAMS:
        mine = [each for each in every if each.get("team") == team and each.get("metric")]
        found.append(
            {
                "team": team,
                "did": [each for each in mine if each["state"] in ("promoted", "deployed")],
                "learned": [each for each in mine if each["state"] not in ("promoted", "deployed")],
            }
        )
    return found


def adopted(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Return the changes that hold in several applications: (name, applications)."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        if row.metric and row.state in ("promoted", "deployed"):
            found.setdefault((row.source_id, row.name), {})[row.application] = None
    return [(name, list(where)) for (_, name), where in found.items() if len(where) > 1]
