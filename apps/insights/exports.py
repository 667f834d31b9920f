"""Insights as CSV, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.insights.models import Insight
from apps.insights.selectors.insights import Wanted, list_insights
from apps.platform.sheets import stream_rows

_PAGE = 500
_COLUMNS = (
    "id", "application", "kind", "key", "metric", "severity", "statement", "state", "team", "course", "value", "unit",
    "n", "interval_low", "interval_high", "limit", "before", "since", "until", "times_seen", "opened_at",
    "last_seen_at", "acknowledged_by", "acknowledged_at", "resolved_at",
)  # fmt: skip


def insights_csv(wanted: Wanted, *, organization_id: int) -> Iterator[str]:
    """Return a header and a line for each insight wanted, newest first. Call outside tenant(...)."""
    return stream_rows(
        _COLUMNS, lambda last: list_insights(wanted, before=last.id if last else None, limit=_PAGE), _row,
        at_once=_PAGE, organization_id=organization_id,
    )  # fmt: skip


def _row(insight: Insight) -> list[Any]:
    figures = insight.figures
    low, high = figures["interval"] or (None, None)
    own = {
        "id": insight.public_id, "application": insight.application.slug, "interval_low": low, "interval_high": high,
        **{name: figures[name] for name in ("value", "unit", "n", "limit", "before")},
    }  # fmt: skip
    return [own[column] if column in own else getattr(insight, column) for column in _COLUMNS]
