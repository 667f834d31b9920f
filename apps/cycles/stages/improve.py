"""IMPROVE: triggers that fire ask the playbook for a change; each proposal goes on by itself or waits for a person."""

from __future__ import annotations

from apps.cycles.stages.values import Did, Outcome, Turn
from apps.evaluations.domain.compared import compare_all
from apps.evaluations.domain.registry import REGISTRY, read_all
from apps.evaluations.selectors import Filters, read_metrics, read_tally
from apps.improvements.domain.triggers import Showing, Trigger, default_triggers
from apps.improvements.services.proposing import NO_PROMPT, Rules, propose
from apps.insights.domain.measured import Measured
from apps.insights.domain.signals import Period
from apps.library.services.templates import ask_templates


def run(turn: Turn) -> Outcome:
    """Propose what the playbook has for each trigger that fires on the cycle's period."""
    improve = turn.configuration.improve
    filters = Filters(application_id=turn.application.id, since=turn.since, until=turn.until)
    before = filters.between(turn.since - (turn.until - turn.since), turn.since)
    triggers = tuple(Trigger(each.text, each.expression) for each in improve.triggers) or default_triggers()
    proposals = propose(
        application=turn.application,
        rules=Rules(
            triggers, improve.auto_fix, improve.manual_review, improve.cooldown_days,
            turn.configuration.deploy.rollout_percent, turn.configuration.deploy.staging,
            tuple(each.text for each in turn.configuration.deploy.success), turn.configuration.deploy.checks,
        ),
        showing=_show(turn, filters, before),
        at=turn.at,
        cycle_id=turn.cycle_id,
    )  # fmt: skip
    # Whoever reads them has them when the turn is over; nothing of the wheel waits for it.
    ask_templates(turn.application)
    told = f"{len(proposals.fired)} of {len(triggers)} triggers fired"
    if proposals.made:
        told += "; proposed " + ", ".join(each.key for each in proposals.made)
    elif any(each.endswith(NO_PROMPT) for each in proposals.passed_over):
        told += f"; proposed nothing: {NO_PROMPT}"
    return Did(
        told,
        {
            "fired": list(proposals.fired),
            "proposed": [
                {"id": each.public_id, "key": each.key, "title": each.title, "policy": each.policy, "why": each.why}
                for each in proposals.made
            ],
            "passed_over": list(proposals.passed_over),
        },
    )


def _show(turn: Turn, filters: Filters, before: Filters) -> Showing:
    """Return what conditions may read of the period: every metric, with its n and interval."""
    currency = turn.organization.currency
    metrics = read_metrics(filters, currency=currency)
    now = Measured(read_tally(filters), metrics, read_all(metrics))
    intervals = {key: now.interval(key) for key in REGISTRY}
    return Showing(
        period=Period(turn.since, turn.until),
        values=compare_all(now.values, read_all(read_metrics(before, currency=currency))),
        n={key: now.n(key) for key in REGISTRY},
        intervals={key: interval for key, interval in intervals.items() if interval is not None},
    )
