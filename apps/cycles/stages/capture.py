"""CAPTURE: what production logged in the period is here, and nothing accepted is still on its way."""

from __future__ import annotations

from apps.cycles.stages.values import Did, Outcome, Turn, Waits
from apps.ingestion.selectors import captured_between


def run(turn: Turn) -> Outcome:
    """Wait until every push accepted before the period's end is stored, then say what came."""
    found = captured_between(application_id=turn.application.id, since=turn.since, until=turn.until)
    if found.pending_batches:
        return Waits(f"{found.pending_batches:,} accepted pushes to be stored")
    unexpected = []
    if found.failed_batches:
        unexpected.append(f"{found.failed_batches:,} pushes could not be stored; they wait under Uploads for a retry")
    if found.rejected_lines:
        unexpected.append(f"{found.rejected_lines:,} lines were rejected; Uploads lists each with its reason")
    if not found.conversations:
        unexpected.append("no conversation began in this period")
    return Did(
        f"{found.conversations:,} conversations from {found.batches:,} pushes",
        {
            "conversations": found.conversations,
            "batches": found.batches,
            "rejected_lines": found.rejected_lines,
            "failed_batches": found.failed_batches,
        },
        tuple(unexpected),
    )
