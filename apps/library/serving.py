"""Guardrails as they are served: every application's, compiled when it is first asked for, without the database."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import Any

import msgspec

from apps.evaluations.domain.security import SecurityAnalyzer
from apps.evaluations.domain.security.ngram_scorer import builtin_scorer
from apps.evaluations.domain.values import ApplicationProfile, Conversation, Message, SecurityResult
from apps.library.domain.guarding import Guard, Guarded
from apps.library.domain.guardrails import Role, served_form
from apps.library.selectors.guardrails import Guarding, serving_guardrails, serving_guardrails_state
from apps.organizations.serving import Pictures
from apps.platform import clock


class Guards:
    """An organization's guardrails, by application."""

    def __init__(self, guarding: tuple[Guarding, ...]) -> None:
        self._guarding = {each.slug: each for each in guarding}
        self._slugs = {each.application_id: each.slug for each in guarding}
        self._compiled: dict[str, Guard] = {}
        self._compiling = Lock()

    def find(self, slug: str | None, bound_to: int | None) -> Guarding | None:
        """Return what guards an application: the one a key is bound to, else the one named; None where none is meant
        or it is not theirs."""
        own = self._slugs.get(bound_to) if bound_to is not None else None
        if bound_to is not None and (own is None or (slug and slug != own)):
            return None
        return self._guarding.get(own or slug or "")

    def guard(self, guarding: Guarding) -> Guard:
        """Return the compiled guard."""
        found = self._compiled.get(guarding.slug)
        if found is None:
            with self._compiling:
                found = self._compiled.setdefault(guarding.slug, Guard(guarding.guardrails))
        return found


pictures = Pictures(state=serving_guardrails_state, read=lambda: Guards(serving_guardrails()))


def bundle_of(guarding: Guarding) -> dict[str, Any]:
    """Return the bundle a client pulls."""
    return {
        "application": guarding.slug,
        "guardrails": [
            {"name": each.name, "version": each.version, "content_hash": each.content_hash} | served_form(each.content)
            for each in guarding.guardrails
        ],
    }


def check(guards: Guards, guarding: Guarding, text: str, role: Role) -> tuple[Guarded, SecurityResult]:
    """Return what the guardrails and the security rules say of one message."""
    said = Message("", role, text, clock.wall())
    conversation = Conversation("", (said,), said.sent_at, said.sent_at)
    return guards.guard(guarding).check(text, role), _analyzer(msgspec.json.encode(guarding.profile)).analyze(
        conversation
    )


@lru_cache(maxsize=64)
def _analyzer(profile: bytes) -> SecurityAnalyzer:
    return SecurityAnalyzer(msgspec.json.decode(profile, type=ApplicationProfile), scorer=builtin_scorer())
