"""The ledger's rows made a model: months counted from the first, effects with their volumes, assumptions by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import groupby

from apps.reports.domain.months import distance
from apps.reports.domain.roi.model import (
    NOTHING,
    WHOLE,
    Assumption,
    BenefitLine,
    CostKind,
    CostLine,
    Each,
    Effect,
    Grade,
    Model,
    Term,
)
from apps.reports.domain.worth import SPENDINGS, Spending, Worth, words_of, worth_of

HORIZON = 12


@dataclass(frozen=True)
class Row:
    """A row of the ledger, of one month. ``kind`` None: a benefit. ``volume`` is what was counted in that month.

    ``reach`` is the share of the application's traffic that the change touches, ``share`` what it holds by its claims.
    """

    application: str
    source_kind: str
    source_id: str
    metric: str
    period: str
    name: str
    state: str
    volume: Decimal
    grade: str = ""
    effect: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    falls_are_gains: bool = False
    selected: bool = False
    ongoing: bool = False
    scope: str = ""
    share: Decimal = WHOLE
    reach: Decimal = WHOLE
    not_counted: str = ""
    kind: CostKind | None = None

    @property
    def key(self) -> str:
        """What its months have in common."""
        return f"{self.application}/{self.source_id}/{self.metric}" if self.metric else self.spending_key

    @property
    def what(self) -> str:
        """What it did, in words: of a cost, what it made worse or dearer."""
        if not self.metric:
            return self.name
        if self.kind is CostKind.TOKENS:
            return "Dearer replies"
        if self.kind is not None:
            return f"Made worse, {self.metric.replace('_', ' ')}"
        return worth_of(self.metric).label

    @property
    def spending_key(self) -> str:
        """The key of a cost that assumptions tell."""
        return f"{self.application}/{self.source_id}"


@dataclass(frozen=True)
class Book:
    """Everything a valuation is made of. ``assumptions``: application → those in force there.

    ``today``: line key → the volume a month as traffic is now; ``complete``: the share of the current month gone by.
    """

    currency: str
    this_month: str
    complete: Decimal
    rows: tuple[Row, ...]
    assumptions: Mapping[str, tuple[Assumption, ...]]
    today: Mapping[str, Decimal] = field(default_factory=dict)
    not_counted: tuple[str, ...] = ()
    # (application, key) → the version in force; defaults and measured values have none.
    versions: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Assembled:
    """The model, None where there is nothing to value; its first month; and what is missing for a line to count."""

    model: Model | None
    first: str
    missing: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


def assemble(book: Book) -> Assembled:
    """Return the model of a book. A line whose value nobody has said is left out, and said to be."""
    first = min((row.period for row in book.rows), default=book.this_month)
    benefits: list[BenefitLine] = []
    costs: list[CostLine] = []
    missing: dict[str, None] = {}
    left_out: dict[str, str] = {}
    for key, rows in _by_key(book.rows):
        newest = rows[-1]
        lacking = _lacking(newest, book.assumptions.get(newest.application, ()))
        if newest.not_counted or (newest.effect is None and newest.metric):
            left_out[key] = newest.not_counted or "too little was measured"
        elif lacking:
            names = " and ".join(lacking)
            left_out[key] = f"nobody has said {names}"
            missing |= dict.fromkeys(f"{name} of {newest.application}: {words_of(name)}" for name in lacking)
        elif newest.kind is None:
            benefits.append(_benefit(key, rows, first, book))
        else:
            costs.append(_cost(key, rows, first, book))
    model = None
    if benefits or costs:
        named = [_named(application, each) for application, found in book.assumptions.items() for each in found]
        model = Model(
            name="the ledger", currency=book.currency,
            months=max(HORIZON, distance(first, book.this_month) + HORIZON // 2), assumptions=tuple(named),
            benefits=tuple(benefits), costs=tuple(costs), not_counted=book.not_counted,
        )  # fmt: skip
    return Assembled(model, first, tuple(missing), tuple(left_out.items()))


def _by_key(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    ordered = sorted(rows, key=lambda row: (row.key, row.kind or "", row.period))
    return [(key, list(found)) for (key, _), found in groupby(ordered, key=lambda row: (row.key, row.kind or ""))]


def _lacking(row: Row, assumptions: Sequence[Assumption]) -> list[str]:
    known = {each.key for each in assumptions}
    needed = worth_of(row.metric).needs if row.metric else _spending(row).needs
    return [key for key in needed if key not in known]


def _benefit(key: str, rows: Sequence[Row], first: str, book: Book) -> BenefitLine:
    newest, worth = rows[-1], worth_of(rows[-1].metric)
    goes_on = newest.ongoing and newest.period == book.this_month
    # The model knows one share a line: the smallest it held in any month, so that no month is given out twice.
    share = min(row.share for row in rows)
    held = [row.share / share if share else NOTHING for row in rows]
    today = book.today.get(key, NOTHING) * held[-1] if goes_on else NOTHING
    volumes = [(distance(first, row.period) + 1, row.volume * part) for row, part in zip(rows, held, strict=True)]
    if goes_on:
        # Of the month under way, what was counted and what its rest will bring as traffic is now.
        month, counted = volumes[-1]
        volumes[-1] = (month, counted + today * (1 - book.complete))
    grade = worth.grade or Grade(newest.grade)
    known = {each.key for each in book.assumptions[newest.application]}
    return BenefitLine(
        key=key,
        label=f"{newest.what}: {newest.name}",
        grade=grade,
        unit_value=_term(newest.application, worth.value),
        effect=_effect(newest, worth),
        volume=today if goes_on else volumes[-1][1],
        realisation=_term(newest.application, worth.realisation),
        attribution=_term(newest.application, "attribution"),
        first=volumes[0][0],
        last=None if goes_on else volumes[-1][0],
        decay=_term(newest.application, "effect_decay") if goes_on else NOTHING,
        churn=_term(newest.application, worth.churn) if worth.churn in known and worth.churn else None,
        metric=newest.metric,
        scope=f"{newest.application}/{newest.scope}",
        share=share,
        volumes=tuple(volumes),
    )


def _cost(key: str, rows: Sequence[Row], first: str, book: Book) -> CostLine:
    newest = rows[-1]
    assert newest.kind is not None
    month = distance(first, rows[0].period) + 1
    if not newest.metric:
        spending = _spending(newest)
        once = spending.each is Each.ONCE
        return CostLine(
            key=key, kind=newest.kind, label=newest.name, each=spending.each,
            quantity=_term(newest.application, spending.quantity), price=_term(newest.application, spending.price),
            first=month - 1 if once else month,
        )  # fmt: skip
    worth = worth_of(newest.metric)
    goes_on = newest.ongoing and newest.period == book.this_month
    return CostLine(
        key=key, kind=newest.kind, label=f"{newest.what}: {newest.name}",
        quantity=book.today.get(key, NOTHING) if goes_on else sum((row.volume for row in rows), NOTHING),
        price=_term(newest.application, worth.value), each=Each.MONTH if goes_on else Each.ONCE, first=month,
        effect=_effect(newest, worth),
    )  # fmt: skip


def _effect(row: Row, worth: Worth) -> Effect:
    assert row.effect is not None and row.low is not None and row.high is not None  # noqa: PT018
    return Effect(
        row.effect * worth.scale, row.low * worth.scale, row.high * worth.scale, row.falls_are_gains, row.selected
    )


def _spending(row: Row) -> Spending:
    return next(each for each in SPENDINGS if each.key == row.source_id)


def _term(application: str, term: Term) -> Term:
    return f"{application}:{term}" if isinstance(term, str) else term


def _named(application: str, assumption: Assumption) -> Assumption:
    return replace(assumption, key=f"{application}:{assumption.key}")
