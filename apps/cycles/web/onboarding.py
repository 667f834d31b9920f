"""The first run and the four weeks after it: a checklist that data ticks, a page that listens for the first push."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.cycles import selectors
from apps.cycles.domain.onboarding import tick
from apps.ingestion import selectors as captured
from apps.organizations.web.access import ADMINISTRATORS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.people import first_log
from apps.platform import clock


@require_safe
@portal_page()
def start(request: HttpRequest, access: Access) -> HttpResponse:
    """Show the checklist whenever it is asked for; home shows it until something was captured."""
    return first_run(request, access)


@require_safe
@portal_page()
def listening(request: HttpRequest, access: Access) -> HttpResponse:
    """Answer the poll of the first run: has anything arrived? 204 while all is as the page that asks has seen it."""
    state = _state(access)
    if request.GET.get("seen") == state.digest:
        return HttpResponse(status=204)
    return TemplateResponse(request, "portal/listening.html", {**_shown(state, access), "polled": True})


def first_run(request: HttpRequest, access: Access) -> HttpResponse:
    """Return the page that leads from nothing to the first analysis, and on through four weeks."""
    code, key = first_log(access)
    context = {
        "code": code,
        "key": {"prefix": f"fw_live_{key.prefix}_…", "scopes": ", ".join(key.scopes)} if key else None,
        **_shown(_state(access), access),
        "keys_url": reverse("keys") if access.may(ADMINISTRATORS) else None,
        "upload_url": page_url("upload", access) if access.may(WORKERS) else None,
        "docs_url": f"{settings.SITE_URL}{reverse('api_docs')}",
        "crumbs": [{"label": access.organization.name}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/onboarding.html", context)


@dataclass(frozen=True)
class _State:
    """What ticks the checklist, and how far the newest batch is (None: there is none)."""

    facts: dict[str, bool]
    batch: dict[str, Any] | None

    @property
    def digest(self) -> str:
        """What stands for all of it in an address."""
        return hashlib.blake2b(repr((self.facts, self.batch)).encode(), digest_size=9).hexdigest()


def _state(access: Access) -> _State:
    facts = selectors.onboarding_facts(access.organization.id, access.application_id, at=clock.wall())
    found = captured.list_batches(application_id=access.application_id, before=None, limit=1)
    if not found:
        return _State(facts, None)
    touched, analyzed = captured.count_batch(found[0])
    batch = {
        "id": found[0].public_id,
        "url": reverse("batch", args=[found[0].public_id]),
        "status": found[0].status,
        "accepted": found[0].accepted,
        "rejected": found[0].rejected,
        "conversations": touched or found[0].conversations,
        "analyzed": analyzed,
    }
    return _State(facts, batch)


def _shown(state: _State, access: Access) -> dict[str, Any]:
    weeks = tick(state.facts)
    states = [each for _, items in weeks for _, each in items]
    return {
        "listening": {
            "batch": state.batch, "home_url": page_url("home", access), "cycles_url": page_url("cycles", access),
        },
        "listening_url": page_url("listening", access, seen=state.digest),
        "checklist": [
            {
                "title": week.title,
                "items": [
                    {"state": each, "text": item.text, "small": item.small,
                     "url": page_url(item.page, access) if _may_open(item.page, access) else None}
                    for item, each in items
                ],
            }
            for week, items in weeks
        ],
        "done_count": states.count("done"),
        "total_count": len(states),
    }  # fmt: skip


def _may_open(page: str, access: Access) -> bool:
    return page != "keys" or access.may(ADMINISTRATORS)
