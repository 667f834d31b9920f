"""What a dashboard says where it has nothing to show: how to begin, what is on its way, or where the data is."""

from __future__ import annotations

from typing import Any

from apps.evaluations import selectors
from apps.evaluations.web.periods import Period, holding
from apps.ingestion import selectors as captured
from apps.organizations.web.access import ADMINISTRATORS, Access, page_url
from apps.organizations.web.people import first_log


def nothing(name: str, period: Period, access: Access) -> dict[str, Any]:
    """Return what components/empty.html shows on the page ``name``, of whose ``period`` nothing is analyzed."""
    newest = selectors.newest_start(access.application_id)
    if newest is not None:
        wider = holding(newest, access, wider_than=period)
        return {
            "title": "Nothing in this period",
            "text": f"No analyzed conversation began in it. The newest began on {newest:%-d %b %Y}.",
            "action": {"label": f"Look at {wider.words}", "url": page_url(name, access, days=wider.key)},
        }
    if captured.oldest_waiting(access.application_id) is not None:
        return {
            "title": "Logs have arrived and are being analyzed",
            "text": "The first figures stand here seconds after that. What waits, and since when, is under Uploads.",
            "action": {"label": "See what waits", "url": page_url("batches", access)},
        }
    code, key = first_log(access)
    whose = f" from {access.application.name}" if access.application else ""
    if key is not None:
        text, action = "Put the rest of the key in its place and run this.", ("All ways to begin", "start")
    elif access.may(ADMINISTRATORS):
        text, action = "Create a key, which is shown once, put it in its place and run this.", ("Create a key", "keys")
    else:
        text, action = "An owner or an administrator creates the key that this needs.", ("All ways to begin", "start")
    return {
        "title": f"No conversation{whose} yet",
        "text": f"This page fills itself seconds after the first log. {text}",
        "code": code,
        "action": {"label": action[0], "url": page_url(action[1], access)},
    }
