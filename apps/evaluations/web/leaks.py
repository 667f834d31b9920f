"""What got out: conversations in which a reply leaked or an attack succeeded, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.evaluations.selectors import Filters, Looked
from apps.evaluations.web.words import age, say, worst_incident
from apps.organizations.web.access import Access, rows_url


def describe_leaks(leaked: Sequence[Looked], count: int, filters: Filters, access: Access) -> dict[str, Any] | None:
    """Return what portal/leaks_table.html shows of these facts, and how many there are; None where there is none."""
    rows = []
    for fact, security in leaked:
        worst = worst_incident(security)
        rows.append(
            {
                "session_id": fact.session_id,
                "url": rows_url("conversation", access, fact.conversation_id),
                "severity": worst["severity"] if worst else "",
                "what": say(worst["type"]) if worst else "",
                "age_s": age(fact.started_at, access.now),
            }
        )
    link = {"since": filters.since.date().isoformat()} if filters.since else {}
    address = rows_url("conversations", access, outcome="succeeded", **link)
    return {"rows": rows, "open": count, "url": address} if rows else None
