"""A model's draft of a change, from a proposal's own evidence. It is one more proposal, and a person decides on it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from apps.evaluations.domain.security.masking import excerpt
from apps.improvements.domain.drafting import SCHEMA, Draft, ask, read_draft
from apps.improvements.models import Improvement
from apps.improvements.services.proposing import propose_draft
from apps.ingestion.models import Conversation
from apps.ingestion.selectors import read_messages
from apps.library import selectors as library
from apps.library.domain.prompts import as_text
from apps.organizations.models import ModelEndpoint, Organization
from apps.organizations.selectors import model_for
from apps.organizations.services import endpoints
from apps.platform import clock
from apps.platform.language_models.values import Endpoint, Failed, Question
from apps.platform.tenancy import tenant

_CONVERSATIONS, _MESSAGES = 8, 8
_MOST_TOKENS = 800


@dataclass(frozen=True)
class _Asked:
    """A question ready to be sent, and what it was set aside for it."""

    question: Question
    nonce: str
    endpoint: ModelEndpoint
    charged_at: datetime


def draft(*, organization_id: int, improvement_id: str) -> None:
    """Have a model draft another change for what a proposal found. What it answers amiss is dropped, with a note."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        asked = _prepare(improvement_id)
    if isinstance(asked, str):
        _note(organization_id, improvement_id, asked)
        return
    # It loads the openai package, a second and 60 MB that most workers never need.
    from apps.platform.language_models.asking import LanguageModel

    place = Endpoint(asked.endpoint.base_url, asked.endpoint.model, asked.endpoint.api_key or "")
    worst = asked.question.worst_case
    try:
        with LanguageModel(place) as model:
            answer = model.ask(asked.question)
    except Failed as failed:
        with tenant(organization_id):
            if failed.trouble != "garbage":
                endpoints.refund(asked.endpoint, tokens=worst, at=asked.charged_at)
            if failed.trouble == "down":
                endpoints.note_down(asked.endpoint, at=clock.wall())
        _note(organization_id, improvement_id, f"no draft: {failed}")
        return
    with tenant(organization_id):
        used = worst if answer.tokens is None else min(answer.tokens, worst)
        endpoints.refund(asked.endpoint, tokens=worst - used, at=asked.charged_at)
        endpoints.note_answered(asked.endpoint)
    found = read_draft(answer.text, nonce=asked.nonce)
    if found is None:
        _note(organization_id, improvement_id, "no draft: the model did not answer in the form that was asked for")
        return
    _propose(organization, improvement_id, found, asked.endpoint.model)


def _prepare(improvement_id: str) -> _Asked | str:
    improvement = Improvement.objects.select_related("application", "prompt").get(public_id=improvement_id)
    endpoint = model_for(improvement.application, "drafts")
    standing = library.labelled_version(improvement.prompt, improvement.label)
    if endpoint is None or standing is None:
        return "no draft: no model is set for drafts" if endpoint is None else "no draft: nothing is in production"
    at = clock.wall()
    if endpoint.broken_until is not None and endpoint.broken_until > at:
        return "no draft: the model is down"
    nonce = secrets.token_hex(12)
    messages = ask(
        prompt=as_text(standing.content), problem=improvement.why, evidence=_evidence(improvement), nonce=nonce
    )
    question = Question(messages, most_tokens=_MOST_TOKENS, schema=("draft", SCHEMA))
    if question.worst_case > endpoint.tokens_per_run:
        return "no draft: it could cost more than a run may"
    if not endpoints.charge(endpoint, tokens=question.worst_case, at=at):
        return "no draft: today's budget is spent"
    return _Asked(question, nonce, endpoint, at)


def _evidence(improvement: Improvement) -> list[str]:
    """Return the evidence's conversations, each message masked and shortened."""
    sessions = improvement.finding.get("evidence", ())[:_CONVERSATIONS]
    rows = list(
        Conversation.objects.filter(application=improvement.application, session_id__in=sessions).order_by("id")
    )
    canaries = tuple(improvement.application.profile.get("canaries", ()))
    messages = read_messages(rows)
    return [
        "\n".join(f"{each.role}: {excerpt(each.content, (0, 0), canaries)}" for each in messages[row.id][:_MESSAGES])
        for row in rows
    ]


def _propose(organization: Organization, improvement_id: str, found: Draft, model: str) -> None:
    with tenant(organization.id):
        source = Improvement.objects.select_related("application", "prompt").get(public_id=improvement_id)
        made = propose_draft(source=source, draft=found, model=model, at=clock.now(organization))
    note = "a draft of this change is open already" if made is None else f"drafted as {made.public_id}"
    _note(organization.id, improvement_id, note)


def _note(organization_id: int, improvement_id: str, words: str) -> None:
    with tenant(organization_id):
        source = Improvement.objects.select_for_update(of=("self",)).get(public_id=improvement_id)
        source.finding = source.finding | {"draft": words}
        source.save(update_fields=["finding"])
