"""The words of a return-on-investment model. Values only: nothing is drawn or added up here.

Money is Decimal in one currency. Months are counted from 1, the first of the horizon; month 0 is the day it starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

# A number as written, or the key of an assumption.
Term = Decimal | str

NOTHING = Decimal(0)
WHOLE = Decimal(1)
WEEKS_A_MONTH = Decimal(52) / Decimal(12)
# Saved time is cash only as far as somebody is then paid for fewer hours; half of it, unless a line says otherwise.
REALISATION_OF_TIME = Decimal("0.5")
METRICS_OF_TIME = frozenset({"resolution_time", "handling_time"})
DISCOUNT_RATE = Decimal("0.10")


class Grade(StrEnum):
    """How good the evidence of a benefit is."""

    RANDOMISED = "A"
    CONCURRENT = "B"
    BEFORE_AFTER = "C"
    ESTIMATE = "D"


# What is taken off a benefit for the weakness of its evidence. Estimates (D) never enter the headline.
HAIRCUTS = {Grade.RANDOMISED: NOTHING, Grade.CONCURRENT: Decimal("0.25"), Grade.BEFORE_AFTER: Decimal("0.5")}
GRADE_WORDS = {
    Grade.RANDOMISED: "randomised",
    Grade.CONCURRENT: "before and after, with a concurrent control",
    Grade.BEFORE_AFTER: "before and after",
    Grade.ESTIMATE: "estimate",
}


class Source(StrEnum):
    """Where an assumption comes from."""

    MEASURED = "measured"
    FINANCE = "finance"
    BENCHMARK = "benchmark"
    GUESS = "guess"


class Each(StrEnum):
    """How often an amount falls due."""

    ONCE = "once"
    WEEK = "week"
    MONTH = "month"


class CostKind(StrEnum):
    """What the money was spent on; ``judge`` is what this product's own model calls cost."""

    LABOUR = "labour"
    TOKENS = "tokens"
    LICENCE = "licence"
    REVIEW = "review"
    REGRESSION = "regression"
    JUDGE = "judge"


@dataclass(frozen=True)
class Assumption:
    """What is believed of one number: at least ``low``, most likely ``mode``, at most ``high``."""

    key: str
    low: Decimal
    mode: Decimal
    high: Decimal
    unit: str
    owner: str
    source: Source
    valid_from: date | None = None
    approved_by: str | None = None


@dataclass(frozen=True)
class Effect:
    """A measured difference with its 95 % interval, as the metric has it: a share, an amount, or hours.

    ``falls_are_gains``: the metric is better lower. ``selected``: measured on the data that decided it, so the winner
    of several; such an effect is drawn shrunk. Effects from data after the decision are not.
    """

    estimate: Decimal
    low: Decimal
    high: Decimal
    falls_are_gains: bool = False
    selected: bool = False

    @property
    def is_undecided(self) -> bool:
        """Whether the interval holds 0."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True)
class BenefitLine:
    """Effect × volume a month × value of a unit × realisation × attribution, over the months ``first`` to ``last``.

    Without an effect it is volume × value. A gain for the business is positive. ``ramp_months``: how long it takes to
    reach everybody, in a straight line. ``decay``: share of the effect that fades each month. ``churn``: each month's
    new revenue recurs, less this share every month; None: a flat run rate. ``metric`` and ``scope`` (which
    conversations) are what the line claims; ``share`` is the part of a claim that others make as well, ``joint`` that
    it was measured by a holdout from all of them together. ``haircut`` None: that of the grade. ``volumes`` are those
    of single months, (month, volume), where they are known: what was counted stands before what is expected.
    """

    key: str
    grade: Grade
    unit_value: Term
    label: str = ""
    effect: Effect | None = None
    volume: Term = WHOLE
    realisation: Term = WHOLE
    attribution: Term = WHOLE
    each: Each = Each.MONTH
    first: int = 1
    last: int | None = None
    ramp_months: Decimal = NOTHING
    decay: Term = NOTHING
    churn: Term | None = None
    metric: str | None = None
    scope: str = "all"
    share: Decimal | None = None
    joint: bool = False
    haircut: Decimal | None = None
    haircut_reason: str = ""
    volumes: tuple[tuple[int, Decimal], ...] = ()

    @property
    def is_counted(self) -> bool:
        """Whether the line enters the headline."""
        return self.grade is not Grade.ESTIMATE

    @property
    def applied_haircut(self) -> Decimal:
        """The share taken off for the weakness of the evidence; 0 for an estimate, which stands apart whole."""
        return HAIRCUTS.get(self.grade, NOTHING) if self.haircut is None else self.haircut

    def terms(self) -> tuple[Term, ...]:
        """Every term of the line."""
        given = (self.volume, self.unit_value, self.realisation, self.attribution, self.decay, self.churn)
        return tuple(term for term in given if term is not None)


@dataclass(frozen=True)
class CostLine:
    """Quantity × price, once (at the end of month ``first``; 0: at the start), or each week or month to ``last``.

    With an ``effect`` it is what a change made worse: effect × quantity × price, a loss being positive.
    """

    key: str
    kind: CostKind
    price: Term
    label: str = ""
    quantity: Term = WHOLE
    each: Each = Each.MONTH
    first: int = 1
    last: int | None = None
    effect: Effect | None = None

    def terms(self) -> tuple[Term, ...]:
        """Every term of the line."""
        return (self.quantity, self.price)


@dataclass(frozen=True)
class ClaimedAmount:
    """One line of a calculation somebody made: quantity × price, so often."""

    key: str
    each: Each
    price: Decimal
    quantity: Decimal = WHOLE


@dataclass(frozen=True)
class Claimed:
    """A calculation as somebody made it, without ranges: costs over ``weeks``, returns over ``months``."""

    weeks: Decimal
    months: Decimal
    costs: tuple[ClaimedAmount, ...]
    benefits: tuple[ClaimedAmount, ...]


@dataclass(frozen=True)
class Written:
    """A number with the words it was written in."""

    value: Decimal
    text: str


@dataclass(frozen=True)
class StatedChange:
    """Somebody says: ``figure`` went from ``before`` to ``after``, and that is a relative change of ``change``."""

    figure: str
    before: Written
    after: Written
    change: Written


@dataclass(frozen=True)
class StatedProduct:
    """Somebody says: these factors make ``value``."""

    figure: str
    factors: tuple[Written, ...]
    value: Written


@dataclass(frozen=True)
class StatedTotal:
    """Somebody says: the claimed ``of`` (cost, benefit or roi_percent) is ``value``."""

    figure: str
    of: str
    value: Written


Stated = StatedChange | StatedProduct | StatedTotal


@dataclass(frozen=True)
class Model:
    """Everything a report is computed from. ``months``: the horizon. ``discount_rate`` is a year's."""

    name: str
    currency: str
    months: int = 12
    discount_rate: Decimal = DISCOUNT_RATE
    assumptions: tuple[Assumption, ...] = ()
    benefits: tuple[BenefitLine, ...] = ()
    costs: tuple[CostLine, ...] = ()
    claimed: Claimed | None = None
    stated: tuple[Stated, ...] = ()
    not_counted: tuple[str, ...] = ()

    def value(self, term: Term) -> Decimal:
        """Return a term's most likely value. Raises KeyError for an assumption that is not there."""
        return term if isinstance(term, Decimal) else self.assumption(term).mode

    def assumption(self, key: str) -> Assumption:
        """Return the assumption of a key. Raises KeyError."""
        for assumption in self.assumptions:
            if assumption.key == key:
                return assumption
        raise KeyError(key)

    def at_modes(self, line: BenefitLine) -> Decimal:
        """Return what a line is worth in one month at full strength, everything at its most likely value.

        Before the haircut, before others' claims on it, before ramp and decay.
        """
        effect = WHOLE
        if line.effect is not None:
            effect = -line.effect.estimate if line.effect.falls_are_gains else line.effect.estimate
        worth = effect
        for term in (line.volume, line.unit_value, line.realisation, line.attribution):
            worth *= self.value(term)
        return worth
