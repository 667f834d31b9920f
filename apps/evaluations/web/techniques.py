"""Which techniques are tried on which application: a map of counts, and the same as a file."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

from apps.evaluations.selectors import Kinds
from apps.evaluations.web.periods import Period
from apps.evaluations.web.words import say
from apps.organizations.models import Application
from apps.organizations.selectors import applications_of
from apps.organizations.web.access import Access, rows_url
from apps.platform.sheets import Sheet

_ROWS = 12
_STEPS = 4
_Key = TypeVar("_Key", int, str)


def technique_map(counts: Kinds, period: Period, access: Access) -> dict[str, Any] | None:
    """Return what portal/technique_map.html shows: attacks by application and type; None where there is no attack.

    ``step`` of a cell is 0 (none) to 4 (three quarters of the most, or more). The twelve applications attacked most
    are rows; ``more`` says how many are left to the file. Links are for those who may read conversations.
    """
    if not counts:
        return None
    applications = _applications(counts, access)
    by_application, by_type = _totals(counts)
    types = [name for name, _ in _most_first(by_type)]
    shown = _most_first(by_application)[:_ROWS]
    most = max(told.total() for told in counts.values())
    rows = []
    for application_id, total in shown:
        application = applications[application_id]
        cells = []
        for name in types:
            told = counts.get((application_id, name), Counter())
            link = {"application": application.slug, "finding": name, **period.link}
            cells.append(
                {
                    "count": told.total(),
                    "succeeded": told["succeeded"],
                    "step": min(_STEPS, 1 + _STEPS * told.total() // most) if told else 0,
                    "url": rows_url("conversations", access, **link) if told else None,
                    "what": f"{say(name)}, {application.name}",
                }
            )
        rows.append({"label": application.name, "cells": cells, "total": total})
    return {
        "columns": [say(name) for name in types],
        "rows": rows,
        "more": len(by_application) - len(shown),
    }


def technique_sheet(counts: Kinds, access: Access) -> Sheet:
    """Return a row for each application and type that was tried on it, in the order of the map: counts, no text."""
    applications = _applications(counts, access)
    by_application, by_type = _totals(counts)
    words = ("blocked", "succeeded", "unclear")
    rows = [
        (applications[application_id].slug, name, told.total(), *(told[word] for word in words))
        for application_id, _ in _most_first(by_application)
        for name, _ in _most_first(by_type)
        if (told := counts.get((application_id, name)))
    ]
    return Sheet(("application", "type", "attacks", *words), rows)


def _applications(counts: Kinds, access: Access) -> dict[int, Application]:
    known = {application.id: application for application in access.applications}
    # Beyond what the menu lists.
    if others := {application_id for application_id, _ in counts} - known.keys():
        known |= applications_of(others)
    return known


def _totals(counts: Kinds) -> tuple[Counter[int], Counter[str]]:
    by_application: Counter[int] = Counter()
    by_type: Counter[str] = Counter()
    for (application_id, name), told in counts.items():
        by_application[application_id] += told.total()
        by_type[name] += told.total()
    return by_application, by_type


def _most_first(totals: Counter[_Key]) -> list[tuple[_Key, int]]:
    return sorted(totals.items(), key=lambda item: (-item[1], item[0]))
