"""The block rate under each version of each guardrail: what was in force when an attack's conversation began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.evaluations.domain.intervals import wilson
from apps.evaluations.selectors import Moment
from apps.library.domain.standing import Standing, count_by_version
from apps.organizations.web.access import Access, rows_url

_NAMED = 12
FEWEST = 30
DEFINITION = (
    "Blocked / (blocked + succeeded) of the attacks whose conversation began while the version was in force for its "
    "application, with Wilson's 95 % interval; unclear attacks are in neither part. Observed, not randomised: attacks "
    "differ from time to time, and logs do not say whether the application asked the guardrail"
)


def by_guardrail(
    standings: Sequence[Standing], moments: Mapping[Moment, int], access: Access, *, since: datetime | None
) -> list[dict[str, Any]]:
    """Return a row for each version of each guardrail that attacks met, and for the time without one: versions in
    order, of at most twelve guardrails by name. Empty where no guardrail was in force, or nothing attacked. ``moments``
    are those from ``since`` on, read with the standings' cuts."""
    counted = count_by_version(standings, moments)
    rows = []
    for name, versions in list(counted.items())[:_NAMED]:
        for version, told in sorted(versions.items(), key=lambda item: item[0] or 0):
            blocked, decided = told["blocked"], told["blocked"] + told["succeeded"]
            rows.append(
                {
                    "guardrail": name,
                    "version": version,
                    "label": f"{name}, none" if version is None else f"{name} {version}",
                    "n": decided,
                    "blocked": blocked,
                    "unclear": told["unclear"],
                    "rate": blocked / decided if decided else None,
                    "interval": wilson(blocked, decided),
                    "thin": decided < FEWEST,
                    "url": _rows(name, version, standings, access, since),
                }
            )
    return rows


def _rows(name: str, version: int | None, standings: Sequence[Standing], access: Access, since: datetime | None) -> str:
    """Return the address of the attacked conversations behind a row; empty where no filter says exactly those."""
    mine = [each for each in standings if each.name == name]
    stretches = [each for each in mine if each.version == version]
    # Several stretches, or one application's beside that of all, are no one period of a list.
    if version is None or len(stretches) != 1 or len({each.application_id for each in mine}) > 1:
        return ""
    (stretch,) = stretches
    of = next((each.slug for each in access.applications if each.id == stretch.application_id), None)
    if stretch.application_id is not None and of is None:
        return ""
    until = {"until": stretch.until.isoformat()} if stretch.until else {}
    own = {"application": of} if of else {}
    began = stretch.at if since is None else max(stretch.at, since)
    return rows_url("conversations", access, attacked="true", since=began.isoformat(), **until, **own)
