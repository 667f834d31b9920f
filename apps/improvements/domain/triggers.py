"""Which triggers fire, and what they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from apps.evaluations.domain.compared import COMPARED
from apps.evaluations.domain.expressions import Expression, evaluate, metrics_in, parse
from apps.evaluations.domain.registry import REGISTRY
from apps.improvements.domain.playbook import Bundle, Playbook
from apps.insights.domain.measured import weight_of
from apps.insights.domain.signals import Figures, Period, Severity, Signal

Policy = Literal["auto_fix", "manual_review"]
# What proposes where a configuration names no trigger of its own.
DEFAULT_TRIGGERS = (
    "successful_attacks > 0", "escalation_rate > 20%", "responses_under_20_chars > 5%", "generic_responses > 10%",
    "unhelpful_response > 10%", "user_frustration > 10%", "upsell_rate < 25%",
)  # fmt: skip


@dataclass(frozen=True)
class Trigger:
    """A condition over the period's metrics, as written."""

    text: str
    expression: Expression


@dataclass(frozen=True)
class Showing:
    """What a period shows of every metric a condition may read; n and 95 % interval where there is one."""

    period: Period
    values: Mapping[str, float | None]
    n: Mapping[str, int] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A bundle of the playbook, and the triggers that asked for it."""

    bundle: Bundle
    triggers: tuple[str, ...]
    metrics: tuple[str, ...]


def default_triggers() -> tuple[Trigger, ...]:
    """Return the triggers of a configuration that has none."""
    metrics = frozenset(REGISTRY)
    return tuple(Trigger(text, parse(text, metrics=metrics)) for text in DEFAULT_TRIGGERS)


def fired(triggers: Sequence[Trigger], values: Mapping[str, float | None]) -> list[Trigger]:
    """Return the triggers whose condition holds. One that cannot be known does not fire."""
    return [trigger for trigger in triggers if evaluate(trigger.expression, values) is True]


def unknown(triggers: Sequence[Trigger], values: Mapping[str, float | None]) -> list[Trigger]:
    """Return the triggers of which too little is known to say whether they hold."""
    return [trigger for trigger in triggers if evaluate(trigger.expression, values) is None]


def tell(trigger: Trigger, key: str, showing: Showing) -> Signal:
    """Return a fired trigger as a signal: the threshold its organization drew, and what stands on its other side."""
    metrics = [name for name in sorted(metrics_in(trigger.expression)) if showing.values.get(name) is not None]
    first = metrics[0]
    metric = REGISTRY.get(COMPARED[first].of if first in COMPARED else first)
    unit = metric.unit if metric is not None else ""
    said = say_values(metrics, showing.values)
    return Signal(
        kind="threshold",
        key=key,
        metric=first,
        severity=_severity(metric.key if metric is not None else ""),
        title=f"{said[0].upper()}{said[1:]}, so “{trigger.text}” fires",
        figures=Figures(
            value=showing.values[first],
            unit=unit,
            n=showing.n.get(first, 0),
            interval=showing.intervals.get(first),
            detail={"trigger": trigger.text, "values": {name: showing.values[name] for name in metrics}},
        ),
        rows=dict(metric.rows) if metric is not None else {},
    )


def _severity(metric: str) -> Severity:
    return weight_of(metric) if metric else "high"


def say_values(metrics: Sequence[str], values: Mapping[str, float | None]) -> str:
    """Write what these metrics are, each in its unit; those that are not known are left out."""
    return ", ".join(
        f"{name.replace('_', ' ')} {_write(value, name)}" for name in metrics if (value := values.get(name)) is not None
    )


def _write(value: float, name: str) -> str:
    metric = REGISTRY.get(COMPARED[name].of if name in COMPARED else name)
    return f"{value * 100:.1f} %" if metric is not None and metric.unit == "fraction" else f"{value:.4g}"


def ask_playbook(triggers: Sequence[Trigger], book: Playbook) -> list[Asked]:
    """Return what the playbook has for fired triggers: each bundle once, with all that asked for it."""
    found: dict[str, Asked] = {}
    for trigger in triggers:
        metrics = sorted(metrics_in(trigger.expression))
        for bundle in book.answering(metrics):
            before = found.get(bundle.key, Asked(bundle, (), ()))
            answered = [metric for metric in metrics if metric in bundle.answers]
            found[bundle.key] = Asked(
                bundle, (*before.triggers, trigger.text), tuple(dict.fromkeys((*before.metrics, *answered)))
            )
    return [found[bundle.key] for bundle in book.bundles if bundle.key in found]


def policy_of(
    asked: Asked, *, auto_fix: Sequence[str], manual_review: Sequence[str], values: Mapping[str, float | None]
) -> Policy:
    """Return whether a proposal may go on by itself.

    By itself only where the configuration's ``auto_fix`` names its bundle's metric, or one that asked for it, and no
    entry of ``manual_review`` holds or names it. A security change always waits for a person: what it rests on was
    written by attackers.
    """
    names = {asked.bundle.metric, *asked.metrics}
    if asked.bundle.path == "security" or any(_speaks(entry, names, values) for entry in manual_review):
        return "manual_review"
    return "auto_fix" if any(_speaks(entry, names, values) for entry in auto_fix) else "manual_review"


def _speaks(entry: str, names: set[str], values: Mapping[str, float | None]) -> bool:
    """Say whether an entry of a policy is about these metrics: a bare name, or a condition that holds."""
    if entry in names:
        return True
    expression = parse(entry, metrics=frozenset(REGISTRY) | frozenset(values))
    return not names.isdisjoint(metrics_in(expression)) and evaluate(expression, values) is True
