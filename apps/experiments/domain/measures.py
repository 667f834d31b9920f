"""Which metrics an experiment can measure, and how an arm is read from its units."""

from __future__ import annotations

from dataclasses import dataclass

from apps.experiments.domain.statistics import Comparison, RatioSummary, Summary, compare, compare_ratio
from apps.experiments.domain.statistics.comparing import MINIMUM_EVENTS, Method

_PATTERNS = (
    "responses_under_20_chars", "missing_specific_steps", "generic_responses", "failed_to_gather_context",
    "unhelpful_response", "repeated_response", "contradiction", "user_repeats_question", "user_frustration",
)  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """A metric as an experiment reads it: numerator over denominator, both summed over each unit's conversations.

    Unit of the value, direction and maturity are the metric registry's. ``is_proportion``: each conversation
    contributes at most its own denominator. ``meaning`` says what is divided by what where the registry's own figure
    is no mean (a median, a percentile, a sum).
    """

    key: str
    is_proportion: bool = False
    meaning: str = ""


MEASURES: dict[str, Measure] = {
    measure.key: measure
    for measure in (
        Measure("escalation_rate", is_proportion=True),
        *(Measure(name, is_proportion=True) for name in _PATTERNS),
        Measure("resolution_rate", is_proportion=True),
        Measure("upsell_rate", is_proportion=True),
        Measure("churn_rate", is_proportion=True),
        Measure("enterprise_leads", is_proportion=True, meaning="enterprise leads / conversations"),
        Measure("block_rate", is_proportion=True),
        Measure("security_incident_rate", meaning="attacks × 10,000 / conversations"),
        Measure("security_risk_score"),
        Measure("quality_score"),
        Measure("avg_quality_score"),
        Measure("customer_satisfaction"),
        Measure("resolution_time", meaning="mean seconds of resolved conversations, each capped at 7 days"),
        Measure("business_value"),
        Measure("reply_time_p50", meaning="mean over conversations of their median reply time, each capped at 600 s"),
        Measure("reply_time_p95", meaning="mean over conversations of their 95th percentile, each capped at 600 s"),
        Measure("tokens_per_conversation"),
        Measure("cost_per_conversation"),
    )
}  # fmt: skip


def compare_arms(
    measure: Measure,
    control: RatioSummary,
    treatment: RatioSummary,
    *,
    alpha: float,
    planned_n: int | None,
    higher_is_better: bool,
    method: Method = "sequential",
) -> Comparison:
    """Compare two arms whose units may each have several conversations.

    Where every unit has exactly one, units are independent values and the comparison of proportions or means applies,
    with its guards for small counts; else the delta method over units. Only units with a denominator count: what the
    metric does not speak of neither helps nor hurts. Raises ValueError as ``compare``.
    """
    if _one_each(control) and _one_each(treatment):
        arms = [Summary(arm.n, arm.m_sum, arm.m_sum_squares) for arm in (control, treatment)]
        return compare(
            arms[0], arms[1], metric="proportion" if measure.is_proportion else "mean", alpha=alpha,
            planned_n=planned_n, method=method, higher_is_better=higher_is_better,
        )  # fmt: skip
    found = compare_ratio(
        control, treatment, alpha=alpha, planned_n=planned_n, method=method, higher_is_better=higher_is_better
    )
    few = _too_few_events(control, treatment) if measure.is_proportion else None
    if few is None or found.insufficient is not None:
        return found
    return Comparison(**{**vars(found), "verdict": "continue", "insufficient": few})


def harm(comparison: Comparison, *, higher_is_better: bool) -> tuple[float, float] | None:
    """Return the interval of how much worse the treatment is (positive: worse); None where there is none yet."""
    if comparison.interval is None:
        return None
    low, high = comparison.interval
    return (-high, -low) if higher_is_better else (low, high)


def _one_each(arm: RatioSummary) -> bool:
    return arm.n == arm.d_sum == arm.d_sum_squares


def _too_few_events(control: RatioSummary, treatment: RatioSummary) -> str | None:
    events, total = control.m_sum + treatment.m_sum, control.d_sum + treatment.d_sum
    missing = 2 * MINIMUM_EVENTS - min(events, total - events)
    return f"{missing:.0f} more events needed over both arms" if missing > 0 else None
