"""What went to everybody at once is looked at for harm: before beside after, and only what is surely worse counts.

Observational: nobody was held out, so this promotes nothing. It takes back what has become worse by more than a margin,
under a sequence that holds however often one looks.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.domain.measures import MEASURES, compare_arms, harm
from apps.experiments.selectors.measuring import read_period
from apps.improvements.models import Improvement

WATCHED_FOR = timedelta(days=14)
BEFORE = timedelta(days=7)
_ALPHA = 0.05
# Weeks differ by themselves; a rate that is surely worse by two points, or another figure by a twentieth, is harm.
_POINTS, _SHARE = 0.02, 0.05


def harm_since(improvement: Improvement, *, at: datetime) -> str | None:
    """Return which of its guardrail metrics is surely worse since it went live, in words. Call inside tenant(...)."""
    began = improvement.started_at
    metrics = improvement.judged_by.get("guardrails", [])
    if began is None:
        return None
    for metric in metrics:
        before, after = (
            read_period(
                organization_id=improvement.organization_id, application_id=improvement.application_id, metric=metric,
                since=since, until=until, at=at,
            )
            for since, until in ((began - BEFORE, began), (began, at))
        )  # fmt: skip
        measure, higher_is_better = MEASURES[metric], REGISTRY[metric].direction == "increase"
        compared = compare_arms(
            measure, before, after, alpha=_ALPHA / len(metrics), planned_n=None, higher_is_better=higher_is_better
        )
        worse = harm(compared, higher_is_better=higher_is_better)
        if worse is None or compared.insufficient is not None or before.ratio is None:
            continue
        margin = _POINTS if measure.is_proportion else _SHARE * abs(before.ratio)
        if worse[0] > margin:
            return (
                f"{metric.replace('_', ' ')} is worse by at least {worse[0]:.3g} since it went live, more than"
                f" {margin:.3g} (before and after, observational)"
            )
    return None
