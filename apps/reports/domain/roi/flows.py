"""Money by month: what a model's lines bring and cost, for as many draws as its inputs have.

Everything here is an array of draws × months, or a number where nothing was drawn; amounts fall due at the end of a
month, month 0 being the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from apps.reports.domain.roi.drawing import Draws
from apps.reports.domain.roi.model import WEEKS_A_MONTH, BenefitLine, CostLine, Each, Model, Term
from apps.reports.domain.roi.overlaps import Overlaps, months_of

# Assumption key → draws; and effects by the key of their line.
Inputs = Mapping[tuple[str, str], Draws]


@dataclass(frozen=True)
class Flows:
    """By line, an array of draws × (months + 1). ``apart``: estimates (D), which are in no total."""

    benefits: Mapping[str, Draws]
    costs: Mapping[str, Draws]
    apart: Mapping[str, Draws]

    def net(self) -> Draws:
        """Return benefits less costs by draw and month."""
        return self.benefit() - self.cost()

    def benefit(self) -> Draws:
        """Return what all counted lines bring, by draw and month."""
        return self._sum(self.benefits)

    def cost(self) -> Draws:
        """Return what all lines cost, by draw and month."""
        return self._sum(self.costs)

    def _sum(self, lines: Mapping[str, Draws]) -> Draws:
        shape = next(iter({**self.benefits, **self.costs, **self.apart}.values())).shape
        return np.sum(list(lines.values()), axis=0) if lines else np.zeros(shape)


def flow(model: Model, overlaps: Overlaps, inputs: Inputs) -> Flows:
    """Return the money by month of each line. At least one line is needed."""
    size = max((len(each) for each in inputs.values()), default=1)
    units = {line.key: _units(line, model, overlaps, inputs, size) for line in model.benefits}
    worth = {}
    for line in model.benefits:
        lost = sum((units[key].clip(min=0) for key in overlaps.spared.get(line.key, ())), np.zeros(1))
        taken = _less(units[line.key], lost, _volumes(line, model, inputs, size))
        worth[line.key] = _recurring(line, taken * _price(line, inputs, size), inputs)
    return Flows(
        benefits={line.key: worth[line.key] for line in model.benefits if line.is_counted},
        costs={line.key: _spent(line, model, inputs, size) for line in model.costs},
        apart={line.key: worth[line.key] for line in model.benefits if not line.is_counted},
    )


def _units(line: BenefitLine, model: Model, overlaps: Overlaps, inputs: Inputs, size: int) -> Draws:
    """Return effect × volume by draw and month, others' claims, ramp and decay considered."""
    months = np.zeros((size, model.months + 1))
    full = _effect(line, inputs)
    volumes = _volumes(line, model, inputs, size)
    decay = _drawn(line.decay, inputs, size)
    kept = overlaps.shares.get(line.key, {})
    for month in months_of(line, model.months):
        if line.each is Each.ONCE and month > line.first:
            break
        age = month - max(line.first, 1)
        months[:, month] = full * volumes[:, month] * float(kept.get(month, Decimal(1)))
        if line.each is not Each.ONCE:
            months[:, month] *= reached(age, float(line.ramp_months)) * (1 - decay) ** age
    return months * float(WEEKS_A_MONTH) if line.each is Each.WEEK else months


def reached(age: int, ramp_months: float) -> float:
    """Return the mean share reached during month ``age`` (0: the first) of a straight ramp of so many months."""
    if ramp_months <= 0 or age >= ramp_months:
        return 1.0
    rising = min(age + 1.0, ramp_months)
    return (rising**2 - age**2) / (2 * ramp_months) + (age + 1.0 - rising)


def _volumes(line: BenefitLine, model: Model, inputs: Inputs, size: int) -> Draws:
    """Return the volume by draw and month: the line's own, and that of the months where it is known."""
    volumes: Draws = np.repeat(_drawn(line.volume, inputs, size)[:, None], model.months + 1, axis=1)
    for month, volume in line.volumes:
        if month <= model.months:
            volumes[:, month] = float(volume)
    return volumes


def _less(units: Draws, lost: Draws, volume: Draws) -> Draws:
    """Return the units without those of conversations that another line kept from existing."""
    if not lost.any():
        return units
    left: Draws = np.divide((volume - lost).clip(min=0), volume, out=np.zeros_like(units), where=volume != 0)
    return units * left


def _price(line: BenefitLine, inputs: Inputs, size: int) -> Draws:
    price = np.full(size, 1 - float(line.applied_haircut))
    for term in (line.unit_value, line.realisation, line.attribution):
        price = price * _drawn(term, inputs, size)
    return price[:, None]


def _recurring(line: BenefitLine, fresh: Draws, inputs: Inputs) -> Draws:
    """Return what comes in: as it is, or each month's new revenue again and again less those who leave."""
    if line.churn is None:
        return fresh
    stays = 1 - _drawn(line.churn, inputs, len(fresh))
    running = np.zeros_like(fresh)
    for month in range(1, fresh.shape[1]):
        running[:, month] = running[:, month - 1] * stays + fresh[:, month]
    return running


def _spent(line: CostLine, model: Model, inputs: Inputs, size: int) -> Draws:
    months = np.zeros((size, model.months + 1))
    amount = _drawn(line.quantity, inputs, size) * _drawn(line.price, inputs, size)
    if line.effect is not None:
        # Effects are drawn as gains.
        amount = -amount * inputs["loss", line.key]
    if line.each is Each.ONCE:
        if line.first <= model.months:
            months[:, line.first] = amount
        return months
    times = float(WEEKS_A_MONTH) if line.each is Each.WEEK else 1.0
    for month in range(max(line.first, 1), min(line.last or model.months, model.months) + 1):
        months[:, month] = amount * times
    return months


def _effect(line: BenefitLine, inputs: Inputs) -> Draws:
    return inputs["effect", line.key] if line.effect is not None else np.ones(1)


def _drawn(term: Term, inputs: Inputs, size: int) -> Draws:
    return np.full(size, float(term)) if isinstance(term, Decimal) else inputs["assumption", term]
