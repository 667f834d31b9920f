"""What the library keeps of a person, taken away: where backtests would have blocked them, replies made templates."""

from __future__ import annotations

from datetime import datetime

from apps.ingestion.services.forgetting import Trace
from apps.library.domain.backtesting import read_tally, write_tally
from apps.library.models import Backtest, ResponseTemplate
from apps.organizations.services import record_audit


def forget_backtested(trace: Trace) -> int:
    """Take the person out of every backtest; its counts stay. Return out of how many. Call inside tenant(...)."""
    names, found = trace.names | {trace.unit_hash}, 0
    for backtest in Backtest.objects.select_for_update().exclude(tally={}).iterator(chunk_size=100):
        tally = read_tally(backtest.tally)
        users = {user: blocked for user, blocked in tally.users.items() if user not in names}
        examples = [each for each in tally.examples if each.session_id not in trace.names]
        if (len(users), len(examples)) == (len(tally.users), len(tally.examples)):
            continue
        tally.users, tally.examples = users, examples
        backtest.tally = write_tally(tally)
        backtest.save(update_fields=["tally"])
        found += 1
    return found


def forget_templates(trace: Trace, *, organization_id: int, at: datetime) -> None:
    """Delete every template that came out of a conversation of the person, served or not. Call inside tenant(...).

    Others may have been told nearly the same, but these are the words said to them: their like is proposed again from
    somebody else's conversation. The audit trail says which of those served went.
    """
    theirs = ResponseTemplate.objects.filter(user_hash=trace.unit_hash)
    named = ResponseTemplate.objects.filter(session_id__in=trace.names)
    every = {each.id: each for each in (*theirs, *named)}.values()
    gone = [
        each for each in every
        if each.user_hash == trace.unit_hash or (each.application_id, each.session_id) in trace.sessions
    ]  # fmt: skip
    ResponseTemplate.objects.filter(id__in=[each.id for each in gone]).delete()
    for each in gone:
        if each.status == ResponseTemplate.Status.APPROVED:
            record_audit(
                organization_id=organization_id, at=at, actor="flywheel", action="template.erased",
                subject=each.public_id,
            )  # fmt: skip
