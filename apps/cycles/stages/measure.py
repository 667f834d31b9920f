"""MEASURE: the period's figures beside those of the period before, as the registry reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.cycles.domain.configuration import GROUPS
from apps.cycles.stages.values import Did, Outcome, Turn
from apps.evaluations.domain.compared import COMPARED, compare_all
from apps.evaluations.domain.registry import REGISTRY, read_all
from apps.evaluations.selectors import Filters, read_metrics
from apps.platform.wording import counted
from apps.reports.services.filling import ask_to_fill

# What is recorded of every cycle, asked for or not: the compounding over cycles is drawn from it.
ALWAYS = ("block_rate", "avg_quality_score", "upsell_rate", "revenue_impact", "escalation_rate", "security_incidents")


def run(turn: Turn) -> Outcome:
    """Record each metric's value, the baseline's, and their difference; None where the data does not say."""
    measure = turn.configuration.measure
    filters = Filters(application_id=turn.application.id, since=turn.since, until=turn.until)
    now = read_metrics(filters, currency=turn.organization.currency)
    before = read_metrics(
        filters.between(turn.since - (turn.until - turn.since), turn.since), currency=turn.organization.currency
    )
    values, earlier = read_all(now), read_all(before) if measure.baseline else {}
    changes = compare_all(values, earlier)
    names = [name for name in dict.fromkeys((*ALWAYS, *measure.metrics)) if name not in GROUPS]
    recorded = {name: _figure(name, changes, earlier, now) for name in names}
    groups = {name: now[GROUPS[name]] for name in measure.metrics if name in GROUPS}
    known = sum(each["value"] is not None for each in recorded.values())
    text = f"{known} of {len(recorded)} metrics known over {counted(now['conversations'], 'conversation')}"
    # What was decided by now is written into the ledger, with this period's volumes.
    ask_to_fill(organization_id=turn.organization.id)
    if measure.baseline:
        text += f", beside {before['conversations']:,} of the period before (observational)"
    return Did(text, {"metrics": recorded, **groups})


def _figure(
    name: str, values: Mapping[str, float | None], earlier: Mapping[str, float | None], now: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a metric's value with its interval, the baseline's, its unit, and the n of this period it rests on."""
    compared = COMPARED.get(name)
    metric = REGISTRY.get(compared.of if compared else name)
    unit = "fraction" if compared else metric.unit if metric else "yes or no"
    n = metric.units(now) if metric else now["conversations"]
    interval = metric.interval(now) if metric and compared is None and values.get(name) is not None else None
    return {
        "value": values.get(name),
        "interval": list(interval) if interval else None,
        "baseline": earlier.get(name),
        "unit": unit,
        "n": n,
    }
