"""A model appraised: what is claimed, what of it can be defended, and which figures disagree."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from apps.reports.domain.roi.claimed import SimpleReturn, Totals, add_up, simple_return
from apps.reports.domain.roi.figures import cents, money
from apps.reports.domain.roi.model import Model
from apps.reports.domain.roi.simulating import DRAWS, Simulation, simulate
from apps.reports.domain.roi.stated import warnings_of

_TENTH = Decimal("0.1")


@dataclass(frozen=True)
class Appraisal:
    """``claimed`` None: nobody claims anything. ``defensible`` None: the model has no lines with ranges."""

    model: Model
    claimed: Totals | None
    simple: SimpleReturn | None
    defensible: Simulation | None
    warnings: tuple[str, ...]

    @property
    def headline(self) -> str | None:
        """The sentence a report begins with: what the net value very likely exceeds."""
        if self.defensible is None:
            return None
        p10, months = self.defensible.net.p10, self.defensible.months
        period = f"over {months} month{'s' if months > 1 else ''}, given the assumptions"
        if p10 < 0:
            return f"90 % likely to lose no more than {money(-p10, self.model.currency)} net {period}"
        return f"90 % likely to exceed {money(p10, self.model.currency)} net {period}"

    def as_json(self) -> dict[str, Any]:
        """Return the appraisal as values JSON knows; amounts are numbers to the cent, ``currency`` says of what.

        ``cost``, ``benefit`` and ``roi_percent`` are as claimed; ``p10``, ``p50`` and ``p90`` the defensible return in
        per cent. Each is null where the model does not say.
        """
        roi = self.defensible.roi if self.defensible else None
        return {
            "name": self.model.name,
            "currency": self.model.currency,
            "cost": _plain(cents(self.claimed.cost)) if self.claimed else None,
            "benefit": _plain(cents(self.claimed.benefit)) if self.claimed else None,
            "roi_percent": _tenth(self.claimed.roi_percent) if self.claimed else None,
            "p10": _plain(roi.p10) if roi else None,
            "p50": _plain(roi.p50) if roi else None,
            "p90": _plain(roi.p90) if roi else None,
            "headline": self.headline,
            "warnings": list(self.warnings),
            "simple": _plain({key: _rounded(value) for key, value in asdict(self.simple).items()})
            if self.simple
            else None,
            "defensible": _plain(asdict(self.defensible)) if self.defensible else None,
            "assumptions": [_plain(asdict(assumption)) for assumption in self.model.assumptions],
        }


def appraise(model: Model, *, seed: int = 1, draws: int = DRAWS) -> Appraisal:
    """Return the appraisal of a model. Raises as ``simulate``."""
    return Appraisal(
        model=model,
        claimed=add_up(model.claimed) if model.claimed else None,
        simple=simple_return(model.claimed) if model.claimed else None,
        defensible=simulate(model, seed=seed, draws=draws) if model.benefits or model.costs else None,
        warnings=tuple(warnings_of(model)),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if hasattr(value, "isoformat") else value


def _tenth(value: Decimal | None) -> Any:
    return None if value is None else _plain(value.quantize(_TENTH))


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"))
