"""The metric registry: every name that conditions, gates, experiments, ROI and charts may use, and where it is read.

One entry a metric. ``read`` takes the metrics object (see metrics.py) and returns a number, or None where the data
does not say. docs/metrics.md is made from this table, and from that of compared.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal["increase", "decrease"]


@dataclass(frozen=True)
class Flag:
    """How a threshold flags a conversation: its value stands in this ``comparison``; ``filter`` lists those it does."""

    comparison: Literal["<", "<=", ">="]
    filter: str


@dataclass(frozen=True)
class Metric:
    """A metric: ``path`` in the metrics object, its unit, which direction is better, over what it is a rate or mean.

    ``minimum_n`` units are needed before a condition on it may fire; ``maturity_hours`` after a conversation its value
    is settled. ``n_path`` is where its denominator stands. ``baseline`` is what a change is measured against. ``rows``
    are the filters of GET /conversations that list the conversations behind the number: those counted by a count or a
    rate's numerator, those that a mean or quantile is made of. ``flags`` is set where a threshold on the metric is
    one on each conversation: the filter that lists those it flags.
    """

    key: str
    path: tuple[str, ...]
    unit: str
    direction: Direction
    numerator: str
    denominator: str
    rows: Mapping[str, str] = field(default_factory=dict)
    unit_of_analysis: str = "conversation"
    maturity_hours: int = 0
    default_period: str = "7 days"
    baseline: str = "the 7 days before"
    minimum_n: int = 30
    n_path: tuple[str, ...] = ("conversations",)
    flags: Flag | None = None

    def read(self, metrics: Mapping[str, Any]) -> float | None:
        """Return the value, None where it is unknown or rests on fewer than ``minimum_n`` units."""
        n = self.units(metrics)
        if n is None or n < self.minimum_n:
            return None
        return _number(value_at(metrics, self.path))

    def interval(self, metrics: Mapping[str, Any]) -> tuple[float, float] | None:
        """Return the 95 % interval of the value; None where the metrics give none."""
        pair = value_at(metrics, (*self.path[:-1], f"{self.path[-1]}_ci"))
        return (float(pair[0]), float(pair[1])) if pair else None

    def units(self, metrics: Mapping[str, Any]) -> float | None:
        """Return how many units the value rests on; None where the metrics do not say."""
        return _number(value_at(metrics, self.n_path))


def value_at(metrics: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Return what stands at a path in the metrics object; None where it leads nowhere."""
    value: Any = metrics
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


_PATTERNS = (
    "responses_under_20_chars", "missing_specific_steps", "generic_responses", "failed_to_gather_context",
    "unhelpful_response", "repeated_response", "contradiction", "user_repeats_question", "user_frustration",
)  # fmt: skip

REGISTRY: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("security_incidents", ("security", "attacks_detected"), "attacks", "decrease",
               "attacks detected", "the period", minimum_n=1,
               rows={"attacked": "true"}),
        Metric("successful_attacks", ("security", "attacks_succeeded"), "attacks", "decrease",
               "attacks that succeeded", "the period", minimum_n=1,
               rows={"outcome": "succeeded"}),
        Metric("security_incident_rate", ("security", "attacks_per_10k"), "attacks per 10,000 conversations",
               "decrease", "attacks detected × 10,000", "conversations",
               rows={"attacked": "true"}),
        Metric("security_risk_score", ("security", "risk_score_avg"), "0–10", "decrease",
               "sum of risk scores", "conversations",
               rows={"known": "risk"}, flags=Flag(">=", "min_risk")),
        Metric("new_attack_patterns", ("security", "new_attack_patterns"), "patterns", "decrease",
               "attack patterns first seen", "the period", minimum_n=1,
               rows={"attacked": "true"}),
        Metric("block_rate", ("security", "block_rate"), "fraction", "increase", "attacks blocked",
               "attacks blocked or succeeded", unit_of_analysis="attack", minimum_n=10,
               n_path=("security", "block_rate_n"),
               rows={"outcome": "blocked"}),
        Metric("quality_score", ("quality", "avg_score"), "0–10", "increase", "sum of scores", "scored conversations",
               n_path=("quality", "avg_score_n"),
               rows={"known": "quality"}, flags=Flag("<", "max_quality")),
        Metric("avg_quality_score", ("quality", "avg_score"), "0–10", "increase", "sum of scores",
               "scored conversations", n_path=("quality", "avg_score_n"),
               rows={"known": "quality"}),
        Metric("quality_score_delta", ("quality", "score_change"), "points of 10", "increase",
               "mean score − that of the period before", "scored conversations", n_path=("quality", "avg_score_n"),
               rows={"known": "quality"}),
        Metric("escalation_rate", ("quality", "escalation_rate"), "fraction", "decrease",
               "conversations handed over", "conversations",
               rows={"escalated": "true"}),
        Metric("resolution_time", ("quality", "resolution_time"), "seconds", "decrease",
               "median time to the last resolving reply", "resolved conversations", maturity_hours=72,
               n_path=("quality", "resolution_time_n"),
               rows={"known": "resolution_time"}),
        Metric("resolution_rate", ("quality", "resolution_rate"), "fraction", "increase",
               "confirmed or assumed resolved", "conversations whose resolution is known", maturity_hours=72,
               n_path=("quality", "resolution_rate_n"),
               rows={"known": "resolution"}),
        Metric("customer_satisfaction", ("quality", "customer_satisfaction"), "1–5", "increase",
               "sum of stated CSAT", "answers", n_path=("quality", "customer_satisfaction_n"),
               rows={"known": "csat"}),
        *(
            Metric(name, ("quality", "poor_quality_rates", name, "rate"), "fraction", "decrease",
                   f"conversations with {name.replace('_', ' ')}", "conversations", rows={"pattern": name})
            for name in _PATTERNS
        ),
        Metric("upsell_rate", ("business", "upsell_rate"), "fraction", "increase", "confirmed upsells",
               "conversations with an offer", maturity_hours=72, n_path=("business", "upsell_rate_n"),
               rows={"upsell": "confirmed"}),
        Metric("upsell_value", ("business", "average_upsell_value"), "money", "increase", "sum of confirmed upsells",
               "confirmed upsells", maturity_hours=72, n_path=("business", "average_upsell_value_n"),
               rows={"upsell": "confirmed"}),
        Metric("churn_rate", ("business", "churn_rate"), "fraction", "decrease", "customers lost", "conversations",
               maturity_hours=720,
               rows={"churn": "lost"}),
        Metric("churn_prevented", ("business", "churn_prevented"), "conversations", "increase",
               "retained at thirty days", "the period", maturity_hours=720, minimum_n=1,
               rows={"churn": "prevented"}),
        Metric("enterprise_leads", ("business", "enterprise_leads"), "conversations", "increase",
               "conversations with two signals", "the period", minimum_n=1,
               rows={"enterprise_lead": "true"}),
        Metric("revenue_impact", ("business", "revenue_impact"), "money", "increase",
               "confirmed upsells + retained − lost", "the period", maturity_hours=72, minimum_n=1,
               rows={"known": "value"}),
        Metric("business_value", ("business", "value_per_conversation"), "money", "increase",
               "confirmed upsells + retained − lost", "conversations", maturity_hours=72,
               rows={"known": "value"}, flags=Flag("<=", "max_value")),
        Metric("reply_time_p95", ("performance", "reply_time_p95"), "seconds", "decrease",
               "95th percentile of reply times", "replies", unit_of_analysis="reply",
               n_path=("performance", "replies_timed"),
               rows={"known": "reply_time"}),
        Metric("reply_time_p50", ("performance", "reply_time_p50"), "seconds", "decrease", "median of reply times",
               "replies", unit_of_analysis="reply", n_path=("performance", "replies_timed"),
               rows={"known": "reply_time"}),
        Metric("tokens_per_conversation", ("performance", "tokens_per_conversation"), "tokens", "decrease",
               "sum of tokens", "conversations",
               rows={"known": "tokens"}),
        Metric("cost_per_conversation", ("performance", "cost_per_conversation"), "money", "decrease", "sum of cost",
               "conversations with a cost", n_path=("performance", "cost_n"),
               rows={"known": "cost"}),
    )
}  # fmt: skip


def read_all(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the value of every metric of one period; None where it is unknown."""
    # A pattern nobody showed is a rate of 0 where there were conversations.
    found = {key: metric.read(metrics) for key, metric in REGISTRY.items()}
    enough = (metrics.get("conversations") or 0) >= REGISTRY["escalation_rate"].minimum_n
    for name in _PATTERNS:
        if found[name] is None and enough:
            found[name] = 0.0
    return found


def document() -> list[str]:
    """Return the lines of docs/metrics.md on these metrics."""
    lines = [
        "# Metrics",
        "",
        "Made from `apps/evaluations/domain/registry.py`. Conditions (`--fail-on`) and reports read these names. Below",
        "the minimum n a metric is unknown, and an unknown condition never fires. `rows` are the filters of",
        "`GET /conversations` that list what is behind the number, as the command `rows` does.",
        "",
        "| key | unit | better | numerator | denominator | unit of analysis | settled after | period | baseline | "
        "minimum n | rows |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for metric in sorted(REGISTRY.values(), key=lambda each: each.key):
        settled = f"{metric.maturity_hours} h" if metric.maturity_hours else "at once"
        better = "higher" if metric.direction == "increase" else "lower"
        rows = "&".join(f"{name}={value}" for name, value in metric.rows.items())
        lines.append(
            f"| `{metric.key}` | {metric.unit} | {better} | {metric.numerator} | {metric.denominator} | "
            f"{metric.unit_of_analysis} | {settled} | {metric.default_period} | {metric.baseline} | "
            f"{metric.minimum_n} | `{rows}` |"
        )
    return lines
