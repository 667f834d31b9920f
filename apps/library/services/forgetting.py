"""What backtests keep of a person, taken away: the places where they would have been blocked, and their count."""

from __future__ import annotations

from apps.ingestion.services.forgetting import Trace
from apps.library.domain.backtesting import read_tally, write_tally
from apps.library.models import Backtest


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
