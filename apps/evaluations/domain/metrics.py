"""The metrics object: one reading of a tally for the API, the portal and the terminal alike.

Rates are fractions with Wilson's interval beside them (``…_ci``) and their n; means have Student's interval. What has
no data is None, never zero.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from apps.evaluations.domain import distinct, histograms
from apps.evaluations.domain.associations import ADJUSTMENT, associate
from apps.evaluations.domain.intervals import mean_interval, poisson, wilson
from apps.evaluations.domain.moments import Moments
from apps.evaluations.domain.ranking import FEWEST, rank_agents
from apps.evaluations.domain.tally import COST, FIELDS, MONEY, SCORE, Tally
from apps.evaluations.domain.trends import change_of_score, name_period, trend_of_revenue, trend_of_risk, trend_of_score

_MOST_AGENTS = 10
DEFINITIONS = {
    "block_rate": "blocked / (blocked + succeeded); unclear attacks stand beside it",
    "escalation_rate": "conversations really handed over / all conversations",
    "resolution_time": "median seconds from the first user message to the last resolving reply, resolved only",
    "upsell_rate": "confirmed / conversations with an offer",
    "failed_upsells": "declined + ignored",
    "revenue_impact": "confirmed upsells + retained − lost, each dollar once",
    "churn_prevented": "retained at thirty days, as reported; saved in chat stands beside it",
    "best_agents": "beta-binomial rates of settled offers, ranked by the 5 % bound, n ≥ 30",
    "factors": f"difference of confirmed rates with and without; {ADJUSTMENT}",
}


SECTIONS = ("security", "quality", "business", "performance")
_OF_EVERY_SECTION = ("conversations", "messages", "first_day", "last_day")
# What of a tally each section is made of.
_FIELDS: dict[str, tuple[str, ...]] = {
    "security": (
        "attacks_blocked", "attacks_succeeded", "attacks_unclear", "attacked", "high_risk", "risk", "types", "faults",
    ),
    "quality": (
        "score", "unscored", "escalations_requested", "escalations_offered", "escalations_done", "resolutions",
        "resolution_ms", "csat", "patterns", "pattern_turns",
    ),
    "business": (
        "upsells", "offers", "upsell_value", "agents", "factors", "value", "churns", "enterprise_leads",
    ),
    "performance": ("reply_ms", "tokens", "cost", "estimated"),
}  # fmt: skip


def fields_of(sections: Collection[str]) -> tuple[str, ...]:
    """Return the fields of a tally that metrics of these sections need; how many users there were is in all of them."""
    if frozenset(sections) >= frozenset(SECTIONS):
        return FIELDS
    return _OF_EVERY_SECTION + tuple(field for name in SECTIONS if name in sections for field in _FIELDS[name])


def metrics(
    total: Tally,
    *,
    recent: Tally | None = None,
    previous: Tally | None = None,
    new_attack_patterns: int | None = None,
    currency: str = "USD",
    period_days: int | None = None,
    sections: Collection[str] = SECTIONS,
    users: bool = True,
) -> dict[str, Any]:
    """Return the metrics of a tally; trends compare ``recent`` (default: the tally itself) with ``previous``.

    ``sections`` are worked out, no others: ranking agents costs more than all the rest. A tally of ``fields_of`` some
    sections does not know its ``users``.

    ``period_days`` names the period in the trends ("this week"); without it the days from first to last do.
    """
    period = name_period(period_days or total.days)
    now = recent if recent is not None else total
    counted = {}
    if users:
        number, low, high = distinct.estimate(total.users)
        counted = {"users": number, "users_ci": [low, high]}
    told = {
        "security": lambda: _security(total, now, previous, new_attack_patterns),
        "quality": lambda: _quality(total, now, previous, period),
        "business": lambda: _business(total, now, previous, period, currency),
        "performance": lambda: _performance(total, currency),
    }
    return {
        "conversations": total.conversations,
        "messages": total.messages,
        **counted,
        "first_day": total.first_day.isoformat() if total.first_day else None,
        "last_day": total.last_day.isoformat() if total.last_day else None,
        **{name: told[name]() for name in SECTIONS if name in sections},
        "definitions": DEFINITIONS,
    }


def _security(total: Tally, now: Tally, previous: Tally | None, new_patterns: int | None) -> dict[str, Any]:
    blocked, succeeded, unclear = total.attacks_blocked, total.attacks_succeeded, total.attacks_unclear
    detected = blocked + succeeded + unclear
    return {
        "attacks_detected": detected,
        "attacks_ci": _rounded(poisson(detected)) if total.conversations else None,
        "attacks_per_10k": _share(detected * 10_000, total.conversations),
        "attacked_conversations": total.attacked,
        "attacks_blocked": blocked,
        "attacks_succeeded": succeeded,
        "attacks_unclear": unclear,
        **_rate("block_rate", blocked, blocked + succeeded),
        "block_rate_if_unclear_leaked": _share(blocked, detected),
        "block_rate_if_unclear_blocked": _share(blocked + unclear, detected),
        "new_attack_patterns": new_patterns,
        **_mean("risk_score_avg", total.risk, SCORE),
        "risk_score_trend": trend_of_risk(now, previous),
        "high_risk_conversations": total.high_risk,
        "by_type": total.types,
        "assistant_faults": total.faults,
    }


def _quality(total: Tally, now: Tally, previous: Tally | None, period: str) -> dict[str, Any]:
    change = change_of_score(now, previous)
    resolved = total.resolutions.get("confirmed", 0) + total.resolutions.get("assumed", 0)
    known = sum(count for state, count in total.resolutions.items() if state != "unknown")
    return {
        **_mean("avg_score", total.score, SCORE),
        "unscored": total.unscored,
        "score_trend": trend_of_score(now, previous, period),
        "score_change": change[0] if change else None,
        "score_change_ci": list(change[1]) if change else None,
        **_rate("escalation_rate", total.escalations_done, total.conversations),
        "escalations": {
            "requested": total.escalations_requested,
            "offered": total.escalations_offered,
            "done": total.escalations_done,
        },
        "resolution_time": _seconds(total.resolution_ms, 0.5),
        "resolution_time_p90": _seconds(total.resolution_ms, 0.9),
        "resolution_time_n": sum(total.resolution_ms.values()),
        **_rate("resolution_rate", resolved, known),
        "resolutions": total.resolutions,
        **_mean("customer_satisfaction", total.csat, SCORE),
        "poor_quality_patterns": total.patterns,
        "poor_quality_turns": total.pattern_turns,
        "poor_quality_rates": {
            name: {"rate": _share(count, total.conversations), "ci": _listed(wilson(count, total.conversations))}
            for name, count in total.patterns.items()
        },
    }


def _business(total: Tally, now: Tally, previous: Tally | None, period: str, currency: str) -> dict[str, Any]:
    upsells = total.upsells
    confirmed, offered = upsells.get("confirmed", 0), total.offered
    ranked = rank_agents(total.agents)
    return {
        **_rate("upsell_rate", confirmed, offered),
        "upsell_rate_per_offer": _share(confirmed, max(total.offers, offered)),
        "upsell_rate_of_all_conversations": _share(confirmed, total.conversations),
        "upsells": confirmed,
        "failed_upsells": upsells.get("declined", 0) + upsells.get("ignored", 0),
        "funnel": {
            "conversations": total.conversations,
            "offered": offered,
            "agreed": upsells.get("agreed", 0) + confirmed,
            "confirmed": confirmed,
            "declined": upsells.get("declined", 0),
            "ignored": upsells.get("ignored", 0),
            "pending": upsells.get("pending", 0) + upsells.get("offered", 0),
        },
        "offers": total.offers,
        "average_upsell_value": _money(total.upsell_value.mean(MONEY)),
        "average_upsell_value_n": total.upsell_value.n,
        "best_agents": [asdict(agent) | {"interval": list(agent.interval)} for agent in ranked[:_MOST_AGENTS]],
        "agents_not_ranked": sum(0 < agent.offered < FEWEST for agent in total.agents.values()),
        "factors": [
            asdict(found) | {"interval": _listed(found.interval), "stands": found.stands}
            for found in associate(total.factors, total.settled)
        ],
        "revenue_impact": _money(total.value.total / MONEY) if total.conversations else None,
        "value_per_conversation": _money(_share(total.value.total / MONEY, total.conversations)),
        "revenue_trend": trend_of_revenue(now, previous, period, currency),
        "churn_at_risk": total.churns.get("at_risk", 0),
        "churn_saved": total.churns.get("saved", 0),
        "churn_prevented": total.churns.get("prevented", 0),
        "churn_lost": total.churns.get("lost", 0),
        **_rate("churn_rate", total.churns.get("lost", 0), total.conversations),
        "enterprise_leads": total.enterprise_leads,
        "currency": currency,
    }


def _performance(total: Tally, currency: str) -> dict[str, Any]:
    return {
        "reply_time_p50": _seconds(total.reply_ms, 0.5),
        "reply_time_p95": _seconds(total.reply_ms, 0.95),
        "replies_timed": sum(total.reply_ms.values()),
        "tokens_per_conversation": total.tokens.mean(1),
        "tokens_estimated_conversations": total.estimated,
        "cost_per_conversation": total.cost.mean(COST),
        "cost_n": total.cost.n,
        "currency": currency,
    }


def _rate(name: str, successes: int, trials: int) -> dict[str, Any]:
    return {
        name: _share(successes, trials),
        f"{name}_ci": _listed(wilson(successes, trials)),
        f"{name}_n": trials,
    }


def _mean(name: str, moments: Moments, unit: int) -> dict[str, Any]:
    mean, variance = moments.mean(unit), moments.variance(unit)
    interval = mean_interval(mean, variance, moments.n) if mean is not None and variance is not None else None
    return {name: mean, f"{name}_ci": _listed(interval), f"{name}_n": moments.n}


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _seconds(counts: dict[str, int], q: float) -> float | None:
    milliseconds = histograms.quantile(counts, q)
    return None if milliseconds is None else milliseconds / 1000


def _money(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 2)


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(bound, 1) for bound in interval]
