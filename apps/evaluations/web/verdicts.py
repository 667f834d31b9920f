"""People judge verdicts: one on a conversation's page, and a sample of them that calibrates the detector."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST

from apps.evaluations import selectors
from apps.evaluations.selectors import calibrations
from apps.evaluations.services import verdicts as services
from apps.organizations.web.access import READERS, WORKERS, Access, page_url, portal_page


@require_POST
@portal_page(WORKERS)
def judge(request: HttpRequest, access: Access, conversation_id: int) -> HttpResponse:
    """Keep what a person says of a finding or of the whole conversation."""
    found = selectors.get_conversation(conversation_id)
    if found is None:
        raise Http404("There is no such conversation.")
    verdict, _, outcome = request.POST.get("verdict", "").partition(":")
    try:
        services.judge(
            found=found, organization_id=access.organization.id, person=access.actor, verdict=verdict,
            finding=request.POST.get("finding", ""), outcome=outcome, at=access.now,
        )  # fmt: skip
    except services.BadVerdict as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Your verdict is kept.")
    return redirect(page_url("conversation", access, conversation_id))


@portal_page(READERS)
def audit_sample(request: HttpRequest, access: Access) -> HttpResponse:
    """Show the sample of the application looked at and what it says; who works draws a new one."""
    application = access.application
    if request.method == "POST":
        access.require(WORKERS)
        if application is None:
            messages.error(request, "Choose an application: each is calibrated by itself.")
        else:
            services.draw_sample(application=application, at=access.now, actor=access.actor)
        return redirect(page_url("audit_sample", access))
    worth = calibrations.read_worth(access.application_id)
    items = calibrations.audit_items(worth.calibration) if worth.calibration else []
    verdicts = calibrations.verdicts_of([item.conversation_id for item in items])
    # Whoever judges should not know what the detector said: flagged and unflagged stand mixed.
    rows = [
        {
            "session_id": item.conversation.session_id,
            "url": page_url("conversation", access, item.conversation_id),
            "judged": item.conversation_id in verdicts,
            "verdict": _word(verdicts.get(item.conversation_id), item.conversation_id in verdicts),
        }
        for item in items
    ]
    context: dict[str, Any] = {
        "worth": worth,
        "drawn": worth.calibration,
        "rows": sorted(rows, key=lambda row: row["judged"]),
        "agreement": calibrations.read_agreement(application.id) if application else None,
        "draw_url": page_url("audit_sample", access) if access.may(WORKERS) and application else None,
        "crumbs": [{"label": "Security", "url": page_url("security", access)}],
        "empty": None
        if rows
        else {
            "title": "No sample has been drawn" if application else "Choose an application",
            "text": "Up to 25 flagged and 55 other conversations of the last four weeks, drawn at random, for people "
            "to judge. From their verdicts follow precision, false alarms and misses, each with its interval."
            if application
            else "Each application is calibrated by itself: traffic differs.",
        },
    }
    return TemplateResponse(request, "portal/audit_sample.html", context)


def _word(verdict: bool | None, judged: bool) -> str:
    if not judged:
        return "not judged yet"
    return "people disagree" if verdict is None else "attack" if verdict else "no attack"
