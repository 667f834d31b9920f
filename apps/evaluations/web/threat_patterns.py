"""Threat patterns of the organization, across its applications: proposed, measured, approved, retired."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.security.kinds import ATTACKS, SEVERITIES
from apps.evaluations.domain.security.threats import LONGEST, BadPattern
from apps.evaluations.models import ThreatPattern
from apps.evaluations.selectors import threat_patterns as selectors
from apps.evaluations.services import threat_patterns as services
from apps.evaluations.web.words import say
from apps.organizations.web.access import ADMINISTRATORS, READERS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before
from apps.organizations.web.tabs import state_tabs

_PAGE = 30
_EXAMPLES = 3


class PatternForm(forms.Form):
    """A new pattern, to be measured and approved."""

    name = forms.CharField(max_length=100, help_text="a-z, 0-9, '.', '_' and '-'. A known name: its next version.")
    pattern = forms.CharField(
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "fw-mono"}),
        help_text="RE2's syntax, read against lower case without accents; anywhere in a message.",
    )
    type = forms.ChoiceField(choices=[(kind, say(kind)) for kind in sorted(ATTACKS)])
    severity = forms.ChoiceField(choices=[(word, word) for word in SEVERITIES], initial="high")


@portal_page(READERS)
def pattern_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List patterns, newest first; who works with them writes one."""
    before = read_before(request)
    form = PatternForm(request.POST or None) if access.may(WORKERS) else None
    if request.method == "POST":
        access.require(WORKERS)
        if form is not None and form.is_valid() and _create(form, access):
            return redirect("threat_patterns")
    asked = request.GET.get("status", "")
    status = asked if asked in ThreatPattern.Status.values else None
    found = selectors.list_patterns(status=status, before=before, limit=_PAGE + 1)
    query = {"status": status} if status else {}
    page, pager = cut_page(found, _PAGE, "threat_patterns", access, before=before, **query)
    context = {
        "tabs": state_tabs("threat_patterns", access, ThreatPattern.Status.values, status or "", name="status"),
        "rows": [_row(each, access) for each in page],
        "page": pager,
        "form": form,
        "create_url": reverse("threat_patterns"),
        "empty": {
            "title": "No threat pattern yet" if not status else f"No {status} threat pattern",
            "text": "They are proposed from what several users wrote alike, what the model found suspicious and no "
            "rule matched; or write one.",
        },
    }  # fmt: skip
    return TemplateResponse(
        request, "portal/threat_patterns.html", context, status=422 if form and form.errors else 200
    )


@require_POST
@portal_page(ADMINISTRATORS)
def act(request: HttpRequest, access: Access, pattern_id: int, action: str) -> HttpResponse:
    """Approve or retire a pattern: for every application of the organization."""
    pattern = selectors.find_pattern(pattern_id)
    if pattern is None or action not in {"approve", "retire"}:
        raise Http404("There is no such threat pattern.")
    change = services.approve if action == "approve" else services.retire
    try:
        change(pattern=pattern, organization=access.organization, at=access.now, actor=access.actor)
    except services.PatternRefused as error:
        messages.error(request, str(error))
    return redirect("threat_patterns")


def _create(form: PatternForm, access: Access) -> bool:
    try:
        services.create_pattern(
            organization_id=access.organization.id, name=form.cleaned_data["name"],
            pattern=form.cleaned_data["pattern"], kind=form.cleaned_data["type"],
            severity=form.cleaned_data["severity"], at=access.now, actor=access.actor,
        )  # fmt: skip
    except BadPattern as error:
        form.add_error("name" if str(error).startswith("name") else "pattern", str(error))
        return False
    return True


def _row(pattern: ThreatPattern, access: Access) -> dict[str, Any]:
    def action(name: str) -> str:
        return reverse("act_on_threat_pattern", args=[pattern.id, name])

    may = access.may(ADMINISTRATORS)
    rate = pattern.false_positive_rate
    return {
        "name": str(pattern),
        "pattern": pattern.pattern,
        "type": say(pattern.type),
        "severity": pattern.severity,
        "status": pattern.status,
        "origin": f"{pattern.messages:,} messages of {pattern.users:,} users"
        if pattern.source == ThreatPattern.Source.CLUSTER
        else f"written by {pattern.created_by}",
        "application": pattern.application.name if pattern.application else "",
        "first_seen_at": pattern.first_seen_at,
        "sessions": [(name, page_url("conversations", access, q=name)) for name in pattern.sessions[:_EXAMPLES]],
        "examples": pattern.examples[:_EXAMPLES],
        "rate": rate,
        "interval": wilson(pattern.benign_hits or 0, pattern.benign_messages or 0),
        "hits": pattern.benign_hits,
        "measured_on": pattern.benign_messages,
        "over": rate is not None and rate > pattern.benign_limit,
        "limit": pattern.benign_limit,
        "approve_url": action("approve") if may and pattern.status == ThreatPattern.Status.CANDIDATE else None,
        "retire_url": action("retire") if may and pattern.status != ThreatPattern.Status.RETIRED else None,
    }
