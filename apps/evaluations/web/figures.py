"""The figures of a page, worked out from one metrics object. Every one carries its interval and its n."""

from __future__ import annotations

from typing import Any

from apps.organizations.web.access import Access, rows_url
from apps.platform.wording import counted

Figure = dict[str, Any]


def security_figures(metrics: dict[str, Any], access: Access, link: dict[str, str]) -> list[Figure]:
    """Attacks, block rate, what succeeded, what is unclear, mean risk."""
    found = metrics["security"]
    return [
        {"label": "Attacks found", "value": found["attacks_detected"], "interval": found["attacks_ci"],
         "of": f"in {counted(metrics['conversations'], 'conversation')}", "thin": False,
         "rows": rows_url("conversations", access, min_risk="0.5", **link)},
        {"label": "Block rate", "kind": "percent", "value": found["block_rate"], "interval": found["block_rate_ci"],
         "n": found["block_rate_n"], "scale": (0, 1), "note": "unclear attacks are in neither part"},
        {"label": "Succeeded", "value": found["attacks_succeeded"], "thin": False, "of": "attacks",
         "rows": rows_url("conversations", access, outcome="succeeded", **link)},
        {"label": "Unclear", "value": found["attacks_unclear"], "thin": False, "of": "attacks",
         "rows": rows_url("conversations", access, outcome="unclear", **link)},
        {"label": "Mean risk", "value": found["risk_score_avg"], "interval": found["risk_score_avg_ci"],
         "digits": 2, "unit": "/ 10", "n": found["risk_score_avg_n"], "note": _trend(found["risk_score_trend"])},
    ]  # fmt: skip


def quality_figures(metrics: dict[str, Any], access: Access, link: dict[str, str]) -> list[Figure]:
    """Score, escalation, resolution time, CSAT, unscored."""
    found = metrics["quality"]
    return [
        {"label": "Score", "value": found["avg_score"], "interval": found["avg_score_ci"], "digits": 1,
         "unit": "/ 10", "n": found["avg_score_n"], "note": _trend(found["score_trend"])},
        {"label": "Escalated", "kind": "percent", "value": found["escalation_rate"], "digits": 1,
         "interval": found["escalation_rate_ci"], "n": found["escalation_rate_n"], "scale": (0, 1),
         "rows": rows_url("conversations", access, escalated="true", **link)},
        {"label": "Time to resolution", "kind": "duration", "value": found["resolution_time"],
         "n": found["resolution_time_n"], "note": "median of resolved ones"},
        {"label": "CSAT, stated", "value": found["customer_satisfaction"], "digits": 1, "unit": "/ 5",
         "interval": found["customer_satisfaction_ci"], "n": found["customer_satisfaction_n"]},
        {"label": "Unscored", "value": found["unscored"], "thin": False, "of": f"of {metrics['conversations']:,}"},
    ]  # fmt: skip


def business_figures(metrics: dict[str, Any], access: Access, link: dict[str, str]) -> list[Figure]:
    """Upsell rate, average value, revenue, churn, leads."""
    found = metrics["business"]
    currency = found["currency"]
    return [
        {"label": "Upsell rate", "kind": "percent", "value": found["upsell_rate"], "digits": 1,
         "interval": found["upsell_rate_ci"], "n": found["upsell_rate_n"], "scale": (0, 1),
         "rows": rows_url("conversations", access, upsell="confirmed", **link), "note": "confirmed of offered"},
        {"label": "Average upsell", "kind": "money", "value": found["average_upsell_value"], "currency": currency,
         "n": found["average_upsell_value_n"]},
        {"label": "Revenue", "kind": "money", "value": found["revenue_impact"], "currency": currency, "thin": False,
         "of": "confirmed, each dollar once", "note": _trend(found["revenue_trend"])},
        {"label": "Churn at risk", "value": found["churn_at_risk"], "thin": False,
         "of": f"{found['churn_saved']:,} saved in chat",
         "rows": rows_url("conversations", access, churn="at_risk", **link)},
        {"label": "Enterprise leads", "value": found["enterprise_leads"], "thin": False, "of": "conversations",
         "rows": rows_url("conversations", access, enterprise_lead="true", **link)},
    ]  # fmt: skip


def performance_figures(metrics: dict[str, Any], access: Access, link: dict[str, str]) -> list[Figure]:
    """Reply times, tokens, cost, conversations."""
    found = metrics["performance"]
    return [
        {"label": "Reply time, median", "kind": "duration", "value": found["reply_time_p50"],
         "n": found["replies_timed"]},
        {"label": "Reply time, P95", "kind": "duration", "value": found["reply_time_p95"],
         "n": found["replies_timed"]},
        {"label": "Tokens a conversation", "value": found["tokens_per_conversation"], "digits": 0,
         "n": metrics["conversations"],
         "note": "estimated from text" if found["tokens_estimated_conversations"] else ""},
        {"label": "Cost a conversation", "kind": "money", "value": found["cost_per_conversation"],
         "currency": found["currency"], "n": found["cost_n"]},
        {"label": "Conversations", "value": metrics["conversations"], "thin": False,
         "of": f"{metrics['messages']:,} messages",
         "rows": rows_url("conversations", access, **link)},
    ]  # fmt: skip


def executive_figures(metrics: dict[str, Any], access: Access, link: dict[str, str]) -> list[Figure]:
    """One of each: revenue, upsell rate, score, block rate, escalation."""
    business, quality = business_figures(metrics, access, link), quality_figures(metrics, access, link)
    security = security_figures(metrics, access, link)
    return [business[2], business[0], quality[0], quality[1], security[1]]


def _trend(words: str) -> str:
    return "" if words == "unknown" else words


BY_TEAM = {
    "security": security_figures,
    "product": quality_figures,
    "engineering": performance_figures,
    "business": business_figures,
    "executive": executive_figures,
}
