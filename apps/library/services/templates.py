"""Response templates proposed, approved, dismissed and retired. Each with its audit row; each may be repeated."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.evaluations.analyzers import suite
from apps.evaluations.selectors import Filters
from apps.evaluations.selectors.conversations import newest_start
from apps.evaluations.selectors.taught import read_taught
from apps.library.domain.templates import (
    LEAST_SCORE,
    LONGEST_QUESTION,
    RESOLVED,
    Candidate,
    Reply,
    check_reason,
    check_template,
    choose_reply,
    pick_candidates,
)
from apps.library.models import ResponseTemplate
from apps.library.selectors.learning import Good, faulty_places, list_good, read_good
from apps.organizations.models import Application, Organization
from apps.organizations.services import record_audit
from apps.platform import clock, work
from apps.platform.identifiers import new_identifier
from apps.platform.tenancy import tenant

KIND = "library.propose_templates"
# How far back from the newest, and at how many conversations of an application, a look goes.
LOOKED_BACK = timedelta(days=7)
MOST_LOOKED_AT = 2_000
# What nobody reads is not piled up: beyond these nothing is proposed for an application.
MOST_OPEN = 100
_MOST_KNOWN = 5_000
_AT_ONCE = 200
_HELPED = Q(escalated=False, resolution__in=RESOLVED)
_Status = ResponseTemplate.Status


class TemplateRefused(Exception):
    """It may not be served; the message says why."""


def ask_templates(application: Application) -> None:
    """Have an application's newest conversations looked through for candidates. Call inside tenant(...)."""
    work.ask(KIND, organization_id=application.organization_id, key=str(application.id))


def propose_templates(*, organization_id: int, application_id: int) -> int:
    """Write a candidate for each reply worth keeping that nothing known is like; return how many are new.

    Candidates whose conversation went wrong meanwhile are let go first.
    """
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        application = Application.objects.filter(id=application_id).first()
        if application is None:
            return 0
        at = clock.now(organization)
        _let_go(application)
        room = MOST_OPEN - ResponseTemplate.objects.filter(application=application, status=_Status.CANDIDATE).count()
        # Of an application that has fallen silent its last week, not an empty one.
        newest = min(at, newest_start(application.id) or at)
        found = _look(application, since=newest - LOOKED_BACK) if room > 0 else []
        analyzers = suite(application.profile, read_taught())
        made = 0
        for candidate in found:
            if made == room:
                break
            if not analyzers.screen(candidate.reply.text):
                made += _propose(application, candidate, at)
        if made:
            record_audit(
                organization_id=organization_id, at=at, actor="flywheel", action="templates.proposed",
                subject=application.slug, candidates=made,
            )  # fmt: skip
        return made


def approve(
    *,
    template: ResponseTemplate,
    name: object,
    text: object,
    tags: object,
    reason: str,
    at: datetime,
    actor: str,
) -> ResponseTemplate:
    """Serve a template as it was named and edited; one that is served already changes, a retired one comes back.

    Call inside tenant(...). Raises BadTemplate for what cannot be kept, TemplateRefused where the security analysis
    finds something in the text, the candidate's conversation went wrong meanwhile, or the name is in use.
    """
    name, text, tags = check_template(name=name, text=text, tags=tags)
    reason = check_reason(reason)
    row = _locked(template)
    if row.status == _Status.DISMISSED:
        raise TemplateRefused("It was dismissed, and its text is gone.")
    if row.status == _Status.CANDIDATE and not _still_good([row]):
        raise TemplateRefused(
            "Its conversation is no example any more: something was found in it, or it did not end well."
        )
    found = suite(row.application.profile, read_taught()).screen(text)
    if found:
        raise TemplateRefused(f"The security analysis finds {found[0].type.replace('_', ' ')}: {found[0].evidence}")
    was = row.status
    row.name, row.text, row.tags, row.status = name, text, tags, _Status.APPROVED
    row.reason, row.decided_by, row.decided_at = reason, actor, at
    row.conversation, row.question = None, ""
    row.retired_by, row.retired_at, row.retired_reason = "", None, ""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise TemplateRefused(f"Another template is served as {name!r}.") from error
    _audit(row, "template.changed" if was == _Status.APPROVED else "template.approved", at, actor, reason)
    return row


def dismiss(*, template: ResponseTemplate, reason: str, at: datetime, actor: str) -> ResponseTemplate:
    """Take a candidate off the list, and what it says out of the library: its like is not proposed again.

    Call inside tenant(...). Raises BadTemplate without a reason, TemplateRefused for one that is no candidate.
    """
    reason, row = check_reason(reason), _locked(template)
    if row.status == _Status.DISMISSED:
        return row
    if row.status != _Status.CANDIDATE:
        raise TemplateRefused("Only a candidate is dismissed; what was approved is retired.")
    row.status, row.conversation = _Status.DISMISSED, None
    row.text = row.question = row.session_id = row.user_hash = ""
    row.reason, row.decided_by, row.decided_at = reason, actor, at
    row.save()
    _audit(row, "template.dismissed", at, actor, reason)
    return row


def retire(*, template: ResponseTemplate, reason: str, at: datetime, actor: str) -> ResponseTemplate:
    """Serve it no longer; it stays on record. Call inside tenant(...).

    Raises BadTemplate without a reason, TemplateRefused for one that is not served.
    """
    reason, row = check_reason(reason), _locked(template)
    if row.status == _Status.RETIRED:
        return row
    if row.status != _Status.APPROVED:
        raise TemplateRefused("Only what is served is retired.")
    row.status = _Status.RETIRED
    row.retired_by, row.retired_at, row.retired_reason = actor, at, reason
    row.save()
    _audit(row, "template.retired", at, actor, reason)
    return row


def _let_go(application: Application) -> None:
    rows = list(ResponseTemplate.objects.filter(application=application, status=_Status.CANDIDATE))
    good = _still_good(rows)
    ResponseTemplate.objects.filter(id__in=[row.id for row in rows if row.conversation_id not in good]).delete()


def _still_good(rows: list[ResponseTemplate]) -> set[int]:
    """Return the conversations of these candidates that still are examples."""
    theirs = Q(conversation_id__in=[row.conversation_id for row in rows])
    facts = list_good(Filters(), least_score=LEAST_SCORE, limit=len(rows), also=_HELPED & theirs)
    return {good.row.id for good in read_good(facts)}


def _look(application: Application, *, since: datetime) -> list[Candidate]:
    known = ResponseTemplate.objects.order_by("-id").values_list("signature", flat=True)[:_MOST_KNOWN]
    filters = Filters(application_id=application.id, since=since)
    facts = list_good(filters, least_score=LEAST_SCORE, limit=MOST_LOOKED_AT, also=_HELPED)
    replies = []
    for start in range(0, len(facts), _AT_ONCE):
        goods = read_good(facts[start : start + _AT_ONCE])
        faulty = faulty_places([good.row.id for good in goods])
        replies += [reply for good in goods if (reply := _reply_of(good, faulty[good.row.id])) is not None]
    return pick_candidates(replies, known)


def _reply_of(good: Good, faulty: set[int]) -> Reply | None:
    places = choose_reply(good.roles, good.texts, faulty)
    if places is None:
        return None
    asked, answered = places
    return Reply(
        text=good.texts[answered].strip(), question=" ".join(good.texts[asked].split())[:LONGEST_QUESTION],
        score=float(good.fact.quality_score or 0), user=good.row.user_hash, conversation_id=good.row.id,
        session_id=good.row.session_id, said_at=good.row.started_at, prompt_version=good.row.prompt_version,
    )  # fmt: skip


def _propose(application: Application, candidate: Candidate, at: datetime) -> bool:
    reply = candidate.reply
    _, made = ResponseTemplate.objects.get_or_create(
        organization_id=application.organization_id, application=application, session_id=reply.session_id,
        defaults={
            "public_id": new_identifier("t"), "conversation_id": reply.conversation_id, "user_hash": reply.user,
            "text": reply.text, "question": reply.question, "signature": list(candidate.signature),
            "score": reply.score, "conversations": candidate.conversations, "users": candidate.users,
            "prompt_version": reply.prompt_version, "said_at": reply.said_at, "proposed_at": at,
        },
    )  # fmt: skip
    return made


def _locked(template: ResponseTemplate) -> ResponseTemplate:
    rows = ResponseTemplate.objects.select_for_update(of=("self",)).select_related("application")
    row: ResponseTemplate = rows.get(id=template.id)
    return row


def _audit(row: ResponseTemplate, action: str, at: datetime, actor: str, reason: str) -> None:
    record_audit(
        organization_id=row.organization_id, at=at, actor=actor, action=action, subject=row.public_id, name=row.name,
        application=row.application.slug, reason=reason,
    )  # fmt: skip
