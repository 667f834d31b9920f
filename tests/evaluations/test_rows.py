"""The rows of a metric are the conversations its number counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.demo.production import simulate_week
from apps.evaluations import selectors
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.filtering import BadFilter, parse_filters
from apps.evaluations.selectors import Filters
from apps.platform.tenancy import tenant
from tests.factories import capture, make_organization

pytestmark = pytest.mark.django_db
# Where the number of conversations behind each metric stands in the metrics object.
COUNTS = {
    "security_incidents": ("security", "attacked_conversations"),
    "security_incident_rate": ("security", "attacked_conversations"),
    "quality_score": ("quality", "avg_score_n"),
    "avg_quality_score": ("quality", "avg_score_n"),
    "escalation_rate": ("quality", "escalations", "done"),
    "resolution_time": ("quality", "resolution_time_n"),
    "resolution_rate": ("quality", "resolution_rate_n"),
    "customer_satisfaction": ("quality", "customer_satisfaction_n"),
    "responses_under_20_chars": ("quality", "poor_quality_patterns", "responses_under_20_chars"),
    "missing_specific_steps": ("quality", "poor_quality_patterns", "missing_specific_steps"),
    "upsell_rate": ("business", "upsells"),
    "upsell_value": ("business", "average_upsell_value_n"),
    "enterprise_leads": ("business", "enterprise_leads"),
    "churn_rate": ("business", "churn_lost"),
    "churn_prevented": ("business", "churn_prevented"),
    "cost_per_conversation": ("performance", "cost_n"),
}


def read(metrics: dict[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = metrics
    for name in path:
        found = found.get(name, 0)
    return found


def test_the_rows_of_a_metric_are_as_many_as_it_counts() -> None:
    organization = make_organization()
    week = simulate_week(seed=3, conversations=120, start=datetime(2026, 11, 2, tzinfo=UTC))
    capture(organization, [record for simulated in week for record in simulated.records])

    with tenant(organization.id):
        metrics = selectors.read_metrics(Filters())
        rows = {
            key: len(selectors.list_facts(parse_filters(metric.rows, application_id=None), limit=1000))
            for key, metric in REGISTRY.items()
        }

    assert {key: rows[key] for key in COUNTS} == {key: read(metrics, path) for key, path in COUNTS.items()}
    assert rows["reply_time_p95"] == 120
    assert min(rows["upsell_rate"], rows["escalation_rate"], rows["customer_satisfaction"]) > 0


def test_an_unknown_word_after_known_is_refused() -> None:
    with pytest.raises(BadFilter, match="one of risk, quality"):
        parse_filters({"known": "everything"}, application_id=None)
