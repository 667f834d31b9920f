"""What turns of the wheel keep of a person, taken away: the sessions that stages named as evidence."""

from __future__ import annotations

from apps.cycles.models import StageRun
from apps.ingestion.domain.naming import without
from apps.ingestion.services.forgetting import Trace


def forget_named(trace: Trace) -> int:
    """Take the sessions out of what stages said; return out of how many. Call inside tenant(...)."""
    found = 0
    for row in StageRun.objects.exclude(figures={}, notes={}).iterator(chunk_size=100) if trace.names else ():
        figures, notes = without(row.figures, trace.names), without(row.notes, trace.names)
        if (figures, notes) != (row.figures, row.notes):
            StageRun.objects.filter(id=row.id).update(figures=figures, notes=notes)
            found += 1
    return found
