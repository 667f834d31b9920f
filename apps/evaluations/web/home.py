"""Home: the wheel with the last figure of each stage, five figures for the reader, what leaked, what was captured."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.evaluations import selectors
from apps.evaluations.web.figures import BY_TEAM
from apps.evaluations.web.leaks import read_leaks
from apps.evaluations.web.periods import Period, describe, filters_of, read_period
from apps.evaluations.web.words import age
from apps.ingestion import selectors as captured
from apps.ingestion.models import Batch
from apps.organizations import selectors as organizations
from apps.organizations.web.access import ADMINISTRATORS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.people import curl

_BATCHES = 5


@require_safe
@portal_page()
def home(request: HttpRequest, access: Access) -> HttpResponse:
    """Show the wheel, or how to start it while nothing was captured."""
    recent = captured.list_batches(application_id=access.application_id, before=None, limit=_BATCHES)
    period = read_period(request, access)
    metrics = selectors.read_metrics(filters_of(period, access), currency=access.organization.currency)
    if not recent and not metrics["conversations"]:
        return _onboarding(request, access)
    team = request.GET.get("for") or ("executive" if access.role == "executive" else access.membership.team)
    team = team if team in BY_TEAM else "product"
    context = {
        "wheel": _wheel(access, metrics, period),
        "roles": [
            {"label": name.capitalize(), "url": page_url("home", access, **{"for": name}, days=period.key),
             "current": name == team}
            for name in BY_TEAM
        ],
        "figures": BY_TEAM[team](metrics, access, period.link),
        "figures_title": f"What {team} looks at first" if team != "executive" else "At a glance",
        "figures_note": period.label,
        "waits": [],
        "leaks": read_leaks(filters_of(period, access), access, limit=5),
        "captured": _captured(access, recent, metrics),
        "period": describe(period, "home", access),
    }  # fmt: skip
    return TemplateResponse(request, "portal/home.html", context)


@require_safe
@portal_page()
def listening(request: HttpRequest, access: Access) -> HttpResponse:
    """Answer the poll of the first run: has anything arrived?"""
    return TemplateResponse(request, "portal/listening.html", _listening(access))


def _wheel(access: Access, metrics: dict[str, Any], period: Period) -> dict[str, Any]:
    pending, link = metrics["pending_conversations"], period.link
    cycles = page_url("cycles", access)
    security = metrics["security"]
    analyzed = {"kind": "live", "text": f"{pending:,} pending"} if pending else {"kind": "good", "text": "up to date"}
    stages: list[dict[str, Any]] = [
        {
            "name": "Capture",
            "state": "done",
            "url": page_url("conversations", access, **link),
            "verdict": None,
            "value": metrics["conversations"],
            "what": "conversations",
            "next": f"{metrics['messages']:,} messages",
        },
        {
            "name": "Analyze",
            "state": "now" if pending else "done",
            "url": page_url("security", access),
            "verdict": analyzed,
            "value": security["attacks_detected"],
            "what": "attacks found",
            "next": f"{security['attacks_succeeded']:,} succeeded, {security['attacks_unclear']:,} unclear",
        },
    ]
    for name, url in (("Insights", cycles), ("Improve", None), ("Deploy", None), ("Measure", cycles)):
        following = "told by each cycle" if url else "not here yet"
        stages.append(
            {"name": name, "state": "", "url": url, "verdict": None, "value": None, "what": "", "next": following}
        )
    return {
        "hub": ["Captured", f"{metrics['conversations']:,}", "conversations", period.label],
        "label": f"The wheel: {metrics['conversations']:,} conversations captured, {pending:,} waiting for analysis; "
        "Insights and Measure are told by each cycle; Improve and Deploy are not here yet",
        "stages": stages,
    }


def _captured(access: Access, recent: list[Batch], metrics: dict[str, Any]) -> dict[str, Any]:
    pending = metrics["pending_conversations"]
    return {
        "pending": pending,
        "oldest_s": age(captured.oldest_waiting(access.application_id), access.now),
        "accepted": metrics["conversations"] + pending,
        "analyzed": metrics["conversations"],
        "rejected": sum(batch.rejected for batch in recent),
        "rows": [
            {
                "id": batch.public_id,
                "url": reverse("batch", args=[batch.public_id]),
                "status": batch.status,
                "received_at": batch.received_at,
                "accepted": batch.accepted,
                "rejected": batch.rejected,
                "source": batch.source,
            }
            for batch in recent
        ],
        "url": page_url("batches", access),
    }


def _onboarding(request: HttpRequest, access: Access) -> HttpResponse:
    keys = [key for key in organizations.keys_of(organization_id=access.organization.id) if key.revoked_at is None]
    may = access.may(ADMINISTRATORS)
    shown = f"fw_live_{keys[0].prefix}_…" if keys else "fw_live_…"
    checklist = [
        {
            "title": "Foundation",
            "items": [
                {"state": "done", "text": "An organization", "small": access.organization.name, "right": ""},
                {"state": "done" if keys else "now", "text": "A key that may push", "small": "", "right": ""},
                {"state": "now" if keys else "", "text": "The first batch", "small": "", "right": "today"},
            ],
        },
        {
            "title": "Quick wins",
            "items": [
                {"state": "", "text": "Read the leaks and the attacks that succeeded", "small": "", "right": "week 1"},
                {"state": "", "text": "Tell the application's profile", "small": "system prompt, plans, slots",
                 "right": "week 1"},
            ],
        },
    ]  # fmt: skip
    context = {
        "code": curl(shown, access),
        "key": {"prefix": shown, "scopes": " and ".join(keys[0].scopes)} if keys else None,
        **_listening(access),
        "checklist": checklist,
        "done_count": 1 + bool(keys),
        "total_count": sum(len(week["items"]) for week in checklist),
        "keys_url": reverse("keys") if may else None,
        "upload_url": page_url("upload", access) if access.may(WORKERS) else None,
        "docs_url": f"{settings.SITE_URL}{reverse('api_docs')}",
        "crumbs": [{"label": access.organization.name}],
    }
    return TemplateResponse(request, "portal/onboarding.html", context)


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
        "listening": {"batch": batch, "home_url": page_url("home", access)},
        "listening_url": page_url("listening", access),
    }
