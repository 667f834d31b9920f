"""CAPTURE: what production logged in the period is here, and nothing accepted is still on its way."""

from __future__ import annotations

from apps.cycles.stages.values import Did, Outcome, Turn, Waits
from apps.ingestion.selectors import captured_between, count_faulty_files, watched_sources
from apps.ingestion.services import watching
from apps.platform.wording import counted


def run(turn: Turn) -> Outcome:
    """Have watched files read to their end and every push accepted before the period's end stored; say what came."""
    sources = watched_sources(application_id=turn.application.id)
    looks = turn.notes.get("looks")
    if looks is None and sources:
        for source in sources:
            watching.look_soon(source)
        return Waits("watched files to be read", {"looks": {str(each.id): each.looks for each in sources}})
    if any(looks and looks.get(str(source.id)) == source.looks for source in sources):
        return Waits("watched files to be read", turn.notes)
    found = captured_between(application_id=turn.application.id, since=turn.since, until=turn.until)
    if found.pending_batches:
        return Waits(f"{counted(found.pending_batches, 'accepted push', 'accepted pushes')} to be stored", turn.notes)
    unexpected: list[str] = []
    unexpected += [f"{source.glob}: {source.error}" for source in sources if source.error]
    if faulty := count_faulty_files(sources):
        unexpected.append(f"{faulty:,} watched files have something that could not be read; Watched files says what")
    if found.failed_batches:
        pushes = counted(found.failed_batches, "push", "pushes")
        unexpected.append(f"{pushes} could not be stored; Uploads offers to try again")
    if found.rejected_lines:
        unexpected.append(f"{counted(found.rejected_lines, 'rejected line')}; Uploads lists each with its reason")
    if not found.conversations:
        unexpected.append("no conversation began in this period")
    return Did(
        f"{counted(found.conversations, 'conversation')} from {counted(found.batches, 'push', 'pushes')}",
        {
            "conversations": found.conversations,
            "batches": found.batches,
            "rejected_lines": found.rejected_lines,
            "failed_batches": found.failed_batches,
        },
        tuple(unexpected),
    )
