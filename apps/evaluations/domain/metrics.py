"""The metrics object: one reading of a tally for the API, the portal and the terminal alike."""

from __future__ import annotations

from typing import Any

from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.tally import Tally


def metrics(total: Tally) -> dict[str, Any]:
    """Return the metrics of a tally. What has no data is None, never zero."""
    blocked, succeeded, unclear = total.attacks_blocked, total.attacks_succeeded, total.attacks_unclear
    decided = blocked + succeeded
    interval = wilson(blocked, decided)
    return {
        "conversations": total.conversations,
        "messages": total.messages,
        "security": {
            "attacks_detected": decided + unclear,
            "attacks_blocked": blocked,
            "attacks_succeeded": succeeded,
            "attacks_unclear": unclear,
            "block_rate": blocked / decided if decided else None,
            "block_rate_ci": list(interval) if interval else None,
            "block_rate_if_unclear_leaked": blocked / (decided + unclear) if decided + unclear else None,
            "by_type": total.types,
            "assistant_faults": total.faults,
            "risk_score_avg": total.risk_sum / total.conversations if total.conversations else None,
        },
    }
