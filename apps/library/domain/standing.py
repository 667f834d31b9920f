"""Which version of a guardrail was in force for an application at a moment, from the history of its activations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

Version = int | None


@dataclass(frozen=True)
class Standing:
    """That a version was in force from ``at`` until ``until`` (None: it still is), for one application or (None) for
    all; ``ended_by`` took it out."""

    name: str
    version: int
    application_id: int | None
    at: datetime
    until: datetime | None = None
    ended_by: str = ""

    def holds(self, at: datetime) -> bool:
        """Whether it was in force at this moment: from its beginning on, not at its end."""
        return self.at <= at and (self.until is None or at < self.until)


def version_at(standings: Iterable[Standing], *, application_id: int, at: datetime) -> Version:
    """Return the version of one guardrail in force for an application at a moment, None where none was.

    One of the application's own stands before one for all.
    """
    for_all: Version = None
    for each in standings:
        if each.holds(at):
            if each.application_id == application_id:
                return each.version
            if each.application_id is None:
                for_all = each.version
    return for_all


def count_by_version(
    standings: Sequence[Standing], events: Mapping[tuple[int, datetime, str], int]
) -> Mapping[str, Mapping[Version, Counter[str]]]:
    """Return, by guardrail and the version of it in force, how often each word was said; None is before and between.

    ``events`` says how often it was (application, moment, word). Every event is counted once under each guardrail.
    """
    by_name: dict[str, list[Standing]] = defaultdict(list)
    for each in standings:
        by_name[each.name].append(each)
    found: dict[str, dict[Version, Counter[str]]] = {name: defaultdict(Counter) for name in sorted(by_name)}
    for (application_id, at, word), n in events.items():
        for name, counts in found.items():
            counts[version_at(by_name[name], application_id=application_id, at=at)][word] += n
    return found


def cuts_of(standings: Iterable[Standing]) -> list[datetime]:
    """Return the moments at which something came into force or ended, in order: between two of them nothing changes."""
    ends = (moment for each in standings for moment in (each.at, each.until) if moment is not None)
    return sorted(set(ends))
