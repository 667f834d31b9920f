"""Labels moved by hand. What a label moves to by an experiment's verdict goes through ``set_labels`` itself."""

from __future__ import annotations

from datetime import datetime

from apps.library.domain.prompts import PROTECTED_LABEL, check_labels
from apps.library.models import PendingLabel, Prompt, PromptVersion
from apps.library.selectors import labelled_version
from apps.library.services.prompts import set_labels
from apps.organizations.models import Organization
from apps.organizations.services import record_audit


def label_by_hand(
    *, version: PromptVersion, labels: object, at: datetime, actor: str, reason: str = ""
) -> list[PendingLabel]:
    """Have labels name a version; return what waits for a second person instead.

    Where the organization asks for two people, ``production`` moves from one version to another only when somebody else
    asks for the same; asking for another version takes the place of what waits. A prompt that nobody is served yet has
    nothing to protect. Call inside tenant(...). Raises BadPrompt.
    """
    wanted = check_labels(labels)
    if PROTECTED_LABEL not in wanted or not _needs_two(version):
        set_labels(version=version, labels=wanted, at=at, actor=actor, reason=reason)
        return []
    waiting = _ask(version, at=at, actor=actor, reason=reason)
    if waiting is None:
        set_labels(version=version, labels=wanted, at=at, actor=actor, reason=reason)
        return []
    set_labels(
        version=version, labels=[label for label in wanted if label != PROTECTED_LABEL], at=at, actor=actor,
        reason=reason,
    )  # fmt: skip
    return [waiting]


def _needs_two(version: PromptVersion) -> bool:
    organization = Organization.objects.only("two_people").get(id=version.organization_id)
    if not organization.two_people:
        return False
    standing = labelled_version(version.prompt, PROTECTED_LABEL)
    return standing is not None and standing.id != version.id


def _ask(version: PromptVersion, *, at: datetime, actor: str, reason: str) -> PendingLabel | None:
    """Return what waits now; None when this was the second person's word."""
    # The prompt's row is the lock under which its labels move.
    Prompt.objects.select_for_update().get(id=version.prompt_id)
    rows = PendingLabel.objects.filter(prompt_id=version.prompt_id, label=PROTECTED_LABEL)
    waiting: PendingLabel | None = rows.first()
    if waiting is not None and waiting.version_id == version.id:
        if waiting.asked_by == actor:
            return waiting
        waiting.delete()
        return None
    waiting, _ = PendingLabel.objects.update_or_create(
        organization_id=version.organization_id, prompt_id=version.prompt_id, label=PROTECTED_LABEL,
        defaults={"version": version, "asked_by": actor, "asked_at": at, "reason": reason[:500]},
    )  # fmt: skip
    record_audit(
        organization_id=version.organization_id, at=at, actor=actor, action="prompt.label_asked",
        subject=f"{version.prompt.name}@{version.number}", label=PROTECTED_LABEL, reason=reason[:500],
    )  # fmt: skip
    return waiting
