"""How sure one may be of a model's return: Monte Carlo over what is uncertain in it. The same seed, the same figures.

Every counted line is in every draw, negative and undecided ones too: counting only what came out well would claim
several times the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from apps.reports.domain.roi.drawing import Draws, draw_assumption, draw_effect
from apps.reports.domain.roi.figures import cents
from apps.reports.domain.roi.flows import Flows, Inputs, flow
from apps.reports.domain.roi.model import GRADE_WORDS, BenefitLine, CostLine, Model
from apps.reports.domain.roi.overlaps import Overlaps, settle

DRAWS = 20_000
FEWEST_DRAWS, MOST_DRAWS = 1_000, 200_000
_MIDDLE = (10, 50, 90)


@dataclass(frozen=True)
class Spread:
    """Amounts: 90 % likely to exceed ``p10``, as likely more as less than ``p50``, 10 % likely to exceed ``p90``."""

    p10: Decimal
    p50: Decimal
    p90: Decimal
    mean: Decimal


@dataclass(frozen=True)
class Percentages:
    """The same of a return, (benefit − cost) / cost, in per cent to one decimal."""

    p10: Decimal
    p50: Decimal
    p90: Decimal


@dataclass(frozen=True)
class Payback:
    """Month from which on the cumulative net value stays at or above 0; None: not within the horizon."""

    p50: int | None
    p90: int | None


@dataclass(frozen=True)
class FanPoint:
    """Cumulative net value at the end of a month; 0 is the start."""

    month: int
    p10: Decimal
    p25: Decimal
    p50: Decimal
    p75: Decimal
    p90: Decimal


@dataclass(frozen=True)
class MonthMean:
    """What all counted lines bring and cost in a month on average over the draws, so that months add up."""

    month: int
    benefit: Decimal
    cost: Decimal


@dataclass(frozen=True)
class LineReturn:
    """A benefit line over the horizon. ``a_month``: at full strength, at the most likely values, before the haircut."""

    key: str
    label: str
    grade: str
    evidence: str
    haircut: Decimal
    undecided: bool
    a_month: Decimal
    total: Spread


@dataclass(frozen=True)
class CostTotal:
    """A cost line over the horizon."""

    key: str
    label: str
    kind: str
    total: Spread


@dataclass(frozen=True)
class Swing:
    """Net value over the horizon when one input goes from its P10 to its P90, all others at their middle."""

    key: str
    label: str
    low_input: Decimal
    high_input: Decimal
    net_at_low: Decimal
    net_at_high: Decimal

    @property
    def width(self) -> Decimal:
        """How far the net value moves."""
        return abs(self.net_at_high - self.net_at_low)


@dataclass(frozen=True)
class Simulation:
    """What a model comes to. ``roi``: None where nothing is spent (there is no ratio to nothing).

    ``apart``: estimates, in a band of their own. ``not_counted``: what is left out of the headline and why.
    ``by_default_haircuts``: the return had no line replaced its grade's haircut; None where none did.
    """

    draws: int
    seed: int
    months: int
    net: Spread
    benefit: Spread
    cost: Spread
    npv: Spread
    roi: Percentages | None
    chance_of_loss: float
    payback: Payback
    fan: tuple[FanPoint, ...]
    by_month: tuple[MonthMean, ...]
    lines: tuple[LineReturn, ...]
    costs: tuple[CostTotal, ...]
    apart: tuple[LineReturn, ...]
    tornado: tuple[Swing, ...]
    not_counted: tuple[str, ...]
    by_default_haircuts: Percentages | None


class Contradiction(ValueError):
    """Lines claim what cannot be true together; ``faults`` say which, at least one."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def simulate(model: Model, *, seed: int = 1, draws: int = DRAWS) -> Simulation:
    """Return what the model comes to. Raises ValueError without any line, Contradiction for a claim made twice."""
    if not model.benefits and not model.costs:
        raise ValueError("a model without a line of benefit or cost comes to nothing")
    if not FEWEST_DRAWS <= draws <= MOST_DRAWS:
        raise ValueError(f"draws: between {FEWEST_DRAWS:,} and {MOST_DRAWS:,}")
    overlaps = settle(model.benefits, months=model.months)
    if overlaps.faults:
        raise Contradiction(overlaps.faults)
    inputs = _draw(model, draws=draws, seed=seed)
    flows = flow(model, overlaps, inputs)
    net, benefit, cost = flows.net(), flows.benefit(), flows.cost()
    ending = net.sum(axis=1)
    return Simulation(
        draws=draws,
        seed=seed,
        months=model.months,
        net=_spread(ending),
        benefit=_spread(benefit.sum(axis=1)),
        cost=_spread(cost.sum(axis=1)),
        npv=_spread(net @ _discounts(model)),
        roi=_returns(benefit.sum(axis=1), cost.sum(axis=1)),
        chance_of_loss=float(np.mean(ending < 0)),
        payback=_payback(net),
        fan=_fan(net),
        by_month=tuple(
            MonthMean(month, _mean(benefit[:, month]), _mean(cost[:, month])) for month in range(net.shape[1])
        ),
        lines=_lines(model, flows.benefits),
        costs=_costs(model, flows),
        apart=_lines(model, flows.apart),
        tornado=_tornado(model, overlaps, inputs),
        not_counted=(*_estimates(model), *overlaps.notes, *model.not_counted),
        by_default_haircuts=_by_default(model, overlaps, inputs),
    )


def _draw(model: Model, *, draws: int, seed: int) -> Inputs:
    used = _assumed(model.benefits, model.costs)
    found = {("assumption", key): draw_assumption(model.assumption(key), draws=draws, seed=seed) for key in used}
    for line in model.benefits:
        if line.effect is not None:
            found["effect", line.key] = draw_effect(line.effect, key=line.key, draws=draws, seed=seed)
    for cost in model.costs:
        if cost.effect is not None:
            found["loss", cost.key] = draw_effect(cost.effect, key=f"loss of {cost.key}", draws=draws, seed=seed)
    return found


def _assumed(benefits: Sequence[BenefitLine], costs: Sequence[CostLine]) -> set[str]:
    terms = [term for benefit in benefits for term in benefit.terms()] + [
        term for cost in costs for term in cost.terms()
    ]
    return {term for term in terms if isinstance(term, str)}


def _by_default(model: Model, overlaps: Overlaps, inputs: Inputs) -> Percentages | None:
    if all(line.haircut is None for line in model.benefits if line.is_counted):
        return None
    plain = replace(model, benefits=tuple(replace(line, haircut=None) for line in model.benefits))
    flows = flow(plain, overlaps, inputs)
    return _returns(flows.benefit().sum(axis=1), flows.cost().sum(axis=1))


def _tornado(model: Model, overlaps: Overlaps, inputs: Inputs) -> tuple[Swing, ...]:
    counted = [line for line in model.benefits if line.is_counted]
    in_total = {("assumption", key) for key in _assumed(counted, model.costs)}
    in_total |= {("effect", line.key) for line in counted} | {("loss", line.key) for line in model.costs}
    middle = {name: np.median(drawn, keepdims=True) for name, drawn in inputs.items()}
    labels = {("effect", line.key): f"effect of {line.label or line.key}" for line in model.benefits}
    labels |= {("loss", line.key): f"loss by {line.label or line.key}" for line in model.costs}
    swings = []
    for name in sorted(in_total & set(inputs)):
        low, high = (np.percentile(inputs[name], each, keepdims=True) for each in (10, 90))
        if low[0] == high[0]:
            continue
        at_low, at_high = (
            float(flow(model, overlaps, {**middle, name: value}).net().sum()) for value in (low, high)
        )  # fmt: skip
        label = labels.get(name, name[1].replace("_", " "))
        swings.append(
            Swing(name[1], label, _figure(low[0]), _figure(high[0]), cents(round(at_low, 2)), cents(round(at_high, 2)))
        )
    return tuple(sorted(swings, key=lambda swing: (-swing.width, swing.key)))


def _lines(model: Model, worth: Mapping[str, Draws]) -> tuple[LineReturn, ...]:
    return tuple(
        LineReturn(
            key=line.key,
            label=line.label or line.key,
            grade=line.grade.value,
            evidence=GRADE_WORDS[line.grade],
            haircut=line.applied_haircut,
            undecided=_is_undecided(line),
            a_month=cents(model.at_modes(line)),
            total=_spread(worth[line.key].sum(axis=1)),
        )
        for line in model.benefits
        if line.key in worth
    )


def _costs(model: Model, flows: Flows) -> tuple[CostTotal, ...]:
    return tuple(
        CostTotal(line.key, line.label or line.key, line.kind.value, _spread(flows.costs[line.key].sum(axis=1)))
        for line in model.costs
    )


def _is_undecided(line: BenefitLine) -> bool:
    return line.effect is not None and line.effect.is_undecided


def _estimates(model: Model) -> tuple[str, ...]:
    return tuple(
        f"{line.label or line.key}: an estimate (grade D), shown apart"
        for line in model.benefits
        if not line.is_counted
    )


def _returns(benefit: Draws, cost: Draws) -> Percentages | None:
    if not (cost > 0).all():
        return None
    values = [Decimal(str(round(float(each), 1))) for each in np.percentile((benefit - cost) / cost * 100, _MIDDLE)]
    return Percentages(*values)


def _payback(net: Draws) -> Payback:
    below = np.cumsum(net, axis=1) < -0.005
    last = np.where(below.any(axis=1), below.shape[1] - np.argmax(below[:, ::-1], axis=1), 0)
    p50, p90 = (int(each) for each in np.percentile(last, (50, 90), method="higher"))
    horizon = net.shape[1] - 1
    return Payback(p50 if p50 <= horizon else None, p90 if p90 <= horizon else None)


def _fan(net: Draws) -> tuple[FanPoint, ...]:
    bands = np.percentile(np.cumsum(net, axis=1), (10, 25, 50, 75, 90), axis=0)
    return tuple(
        FanPoint(month, *(cents(round(float(each), 2)) for each in bands[:, month])) for month in range(net.shape[1])
    )


def _discounts(model: Model) -> Draws:
    discounts: Draws = (1 + float(model.discount_rate)) ** (-np.arange(model.months + 1) / 12)
    return discounts


def _spread(values: Draws) -> Spread:
    middle = [cents(round(float(each), 2)) for each in np.percentile(values, _MIDDLE)]
    return Spread(middle[0], middle[1], middle[2], _mean(values))


def _mean(values: Draws) -> Decimal:
    return cents(round(float(values.mean()), 2))


def _figure(value: float) -> Decimal:
    return Decimal(f"{value:.4g}")
