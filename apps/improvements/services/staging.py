"""The staging environment: a change is labelled ``staging`` and must pass its probes and the organization's own checks
there, or it goes no further."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apps.improvements.models import Improvement, ProbeRun
from apps.improvements.services.probing import NotReplayable, ask_for_probes
from apps.library import selectors as library
from apps.library.services.prompts import set_labels
from apps.organizations.services import record_audit
from apps.platform import work

LABEL = "staging"
_LOOK_AGAIN = timedelta(seconds=15)


def pass_staging(improvement: Improvement, *, at: datetime, actor: str) -> bool:
    """Put the change into staging and return whether its probes passed there. Call inside tenant(...).

    Its reason says what it waits for. Probes that fail reject it; probes that cannot be asked, or that leave it open,
    never pass it.
    """
    version = library.find_version(improvement.prompt, improvement.version)
    assert version is not None, "a proposal's version is never deleted"
    set_labels(version=version, labels=[LABEL], at=at, actor=actor, reason=improvement.public_id)
    try:
        run = ask_for_probes(improvement=improvement, at=at, actor=actor)
    except NotReplayable as error:
        return _wait(improvement, f"in staging, which cannot be tested: {error}")
    if run.state == ProbeRun.State.RUNNING:
        work.ask(
            "improvements.follow", organization_id=improvement.organization_id, key=improvement.public_id,
            delay=_LOOK_AGAIN,
        )  # fmt: skip
        return _wait(improvement, "in staging: its probes are under way")
    summary = run.summary or {}
    if summary.get("passes") is True:
        return True
    if summary.get("passes") is False:
        return _stop(improvement, f"stopped in staging: {_failure(summary)}", at=at)
    return _wait(improvement, f"in staging: its probes do not say enough ({run.reason or 'too few were decided'})")


def is_probed(improvement: Improvement) -> bool:
    """Say whether the newest probes of it have ended."""
    newest = ProbeRun.objects.filter(improvement=improvement).order_by("-id").first()
    return newest is not None and newest.state != ProbeRun.State.RUNNING


def _failure(summary: dict[str, Any]) -> str:
    if checks := summary.get("checks", {}).get("failed"):
        asked = summary["checks"]["failures"][0]
        return f"{checks} of {summary['checks']['asked']} checks failed, the first of them {asked[:120]!r}"
    if summary["says"] == "worse":
        attacks = summary["attacks"]
        return f"{attacks['worse']} attacks succeed that were blocked, {attacks['better']} the other way round"
    refused = summary["benign_refused"]
    return f"it refuses {refused['better']} harmless messages that were answered before"


def _wait(improvement: Improvement, reason: str) -> bool:
    improvement.reason = reason
    improvement.save(update_fields=["reason"])
    return False


def _stop(improvement: Improvement, reason: str, *, at: datetime) -> bool:
    before, improvement.state, improvement.reason = improvement.state, Improvement.State.REJECTED, reason
    improvement.ended_at = at
    improvement.save(update_fields=["state", "reason", "ended_at"])
    record_audit(
        organization_id=improvement.organization_id, at=at, actor="flywheel", action="improvement.rejected",
        subject=improvement.public_id, before=before, reason=reason[:500],
    )  # fmt: skip
    return False
