"""The first run and the four weeks after it: a checklist that data ticks, a page that listens for the first push."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.cycles import selectors
from apps.cycles.domain.onboarding import tick
from apps.ingestion import selectors as captured
from apps.organizations import selectors as organizations
from apps.organizations.web.access import ADMINISTRATORS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.people import first_log


@require_safe
@portal_page()
def start(request: HttpRequest, access: Access) -> HttpResponse:
    """Show the checklist whenever it is asked for; home shows it until something was captured."""
    return first_run(request, access)


@require_safe
@portal_page()
def listening(request: HttpRequest, access: Access) -> HttpResponse:
    """Answer the poll of the first run: has anything arrived?"""
    _, key = first_log(access)
    context = _listening(access) | _checklist(access, has_key=key is not None)
    return TemplateResponse(request, "portal/listening.html", context | {"polled": True})


def first_run(request: HttpRequest, access: Access) -> HttpResponse:
    """Return the page that leads from nothing to the first analysis, and on through four weeks."""
    code, key = first_log(access)
    context = {
        "code": code,
        "key": {"prefix": f"fw_live_{key.prefix}_…", "scopes": ", ".join(key.scopes)} if key else None,
        **_listening(access),
        **_checklist(access, has_key=key is not None),
        "keys_url": reverse("keys") if access.may(ADMINISTRATORS) else None,
        "upload_url": page_url("upload", access) if access.may(WORKERS) else None,
        "docs_url": f"{settings.SITE_URL}{reverse('api_docs')}",
        "crumbs": [{"label": access.organization.name}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/onboarding.html", context)


def _checklist(access: Access, *, has_key: bool) -> dict[str, Any]:
    people = organizations.members_of(organization_id=access.organization.id)
    facts = selectors.onboarding_facts(access.organization.id)
    weeks = tick(facts | {"key": has_key, "teammate": len(people) > 1})
    states = [state for _, items in weeks for _, state in items]
    return {
        "checklist": [
            {
                "title": week.title,
                "items": [
                    {"state": state, "text": item.text, "small": item.small,
                     "url": page_url(item.page, access) if _may_open(item.page, access) else None}
                    for item, state in items
                ],
            }
            for week, items in weeks
        ],
        "done_count": states.count("done"),
        "total_count": len(states),
    }  # fmt: skip


def _may_open(page: str, access: Access) -> bool:
    return page != "keys" or access.may(ADMINISTRATORS)


def _listening(access: Access) -> dict[str, Any]:
    found = captured.list_batches(application_id=access.application_id, before=None, limit=1)
    batch = None
    if found:
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
    return {
        "listening": {"batch": batch, "home_url": page_url("home", access), "cycles_url": page_url("cycles", access)},
        "listening_url": page_url("listening", access),
    }
