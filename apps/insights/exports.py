"""Insights as CSV, streamed: each page of rows enters the organization anew, so no transaction outlives a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from apps.insights.models import Insight
from apps.insights.selectors.insights import Wanted, list_insights
from apps.platform.cells import neutralised
from apps.platform.tenancy import tenant

_PAGE = 500
_COLUMNS = (
    "id", "application", "kind", "key", "metric", "severity", "statement", "state", "team", "course", "value", "unit",
    "n", "interval_low", "interval_high", "limit", "before", "since", "until", "times_seen", "opened_at",
    "last_seen_at", "acknowledged_by", "acknowledged_at", "resolved_at",
)  # fmt: skip


def insights_csv(wanted: Wanted, *, organization_id: int) -> Iterator[str]:
    """Yield a header and a line for each insight wanted, newest first. Call outside tenant(...)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    before: int | None = None
    while True:
        with tenant(organization_id):
            page = list_insights(wanted, before=before, limit=_PAGE)
            writer.writerows([[_cell(value) for value in _row(insight)] for insight in page])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        if len(page) < _PAGE:
            return
        before = page[-1].id


def _row(insight: Insight) -> list[Any]:
    figures = insight.figures
    low, high = figures["interval"] or (None, None)
    own = {
        "id": insight.public_id, "application": insight.application.slug, "interval_low": low, "interval_high": high,
        **{name: figures[name] for name in ("value", "unit", "n", "limit", "before")},
    }  # fmt: skip
    return [own[column] if column in own else getattr(insight, column) for column in _COLUMNS]


def _cell(value: Any) -> str:
    # Statements and keys quote what logs call an agent or a version.
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else neutralised(str(value))
