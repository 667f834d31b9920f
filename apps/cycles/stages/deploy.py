"""DEPLOY: what was approved, or needs no approval, starts; what runs is left to its own rules."""

from __future__ import annotations

from apps.cycles.stages.values import Did, Outcome, Turn
from apps.improvements.services.lifecycle import start_what_may


def run(turn: Turn) -> Outcome:
    """Start each improvement that may; say what the others wait for."""
    started, waiting = start_what_may(application_id=turn.application.id, at=turn.at)
    told = "started " + ", ".join(each.key for each in started) if started else "nothing to start"
    if waiting:
        told += f"; {len(waiting)} wait"
    return Did(
        told,
        {
            "started": [
                {
                    "id": each.public_id, "key": each.key, "state": each.state,
                    "experiment": each.experiment.public_id if each.experiment else None,
                }
                for each in started
            ],
            "waiting": waiting,
        },
    )  # fmt: skip
