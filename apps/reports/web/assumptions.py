"""Assumptions: what is believed, by whom, since when; changed and approved by those whom finance lets."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.organizations.models import Application
from apps.organizations.selectors import list_applications, members_of
from apps.organizations.services import NoSuchMember, say_currency
from apps.organizations.web.access import ADMINISTRATORS, Access, page_url, portal_page
from apps.platform import clock
from apps.reports.domain.roi.model import Source
from apps.reports.domain.worth import KNOWN
from apps.reports.models import Assumption
from apps.reports.selectors.assumptions import Standing, history_of, in_force, standings
from apps.reports.selectors.permissions import ALWAYS, allowed, may_edit
from apps.reports.services import assumptions, permissions
from apps.reports.wording import input_words, unit_words


class SayForm(forms.Form):
    """One number with its bounds, its owner and its source."""

    key = forms.CharField(
        max_length=60, label="Assumption", help_text="From the list below, or value_of_ and a metric."
    )
    low = forms.DecimalField(max_digits=20, decimal_places=6, help_text="Surely not less. Shares as 0.3.")
    mode = forms.DecimalField(max_digits=20, decimal_places=6, label="Most likely")
    high = forms.DecimalField(max_digits=20, decimal_places=6, help_text="Surely not more.")
    owner = forms.CharField(max_length=254, help_text="Who answers for it.")
    source = forms.ChoiceField(choices=[(each.value, each.value) for each in Source], initial="guess")
    valid_from = forms.DateField(required=False, help_text="Since when it holds; empty for today.")
    note = forms.CharField(max_length=500, required=False)


@portal_page()
def assumption_list(request: HttpRequest, access: Access) -> HttpResponse:
    """Show what holds, what waits for approval and every version; take a new one from whom finance lets."""
    edits = may_edit(access.membership)
    application = access.application or next(iter(list_applications()), None)
    form = SayForm(request.POST or None, initial={"owner": access.actor, "key": request.GET.get("key", "")})
    if request.method == "POST":
        if not edits:
            raise PermissionDenied
        if "currency" in request.POST:
            return _say_currency(request, access)
        if application is not None and form.is_valid() and _say(form, application, access):
            messages.success(request, "Said. It holds once approved, or at once where nothing was approved before.")
            return redirect(page_url("roi_assumptions", access))
    rows = standings(application) if application is not None else []
    currency = access.organization.currency
    said = {each.key for each in rows}
    context: dict[str, Any] = {
        "application": application,
        "needs_currency": not access.organization.currency,
        "rows": [_row(each, application, currency, edits=edits) for each in rows],
        "defaults": [
            {"key": each.key, "numbers": input_words(vars(each), currency), "unit": unit_words(vars(each), currency),
             "source": each.source.value, "owner": each.owner}
            for each in (in_force(application) if application else ()) if each.key not in said
        ],
        "unsaid": [
            {"key": each.key, "words": each.words, "unit": unit_words(vars(each), currency)}
            for each in KNOWN.values() if each.key not in said and each.default is None
        ],
        "form": form if edits and application is not None else None,
        "people": _people(access) if access.may(ADMINISTRATORS) else [],
        "people_url": reverse("roi_finance"),
        "crumbs": [{"label": "ROI", "url": page_url("roi", access)}],
        "edits": edits,
    }  # fmt: skip
    return TemplateResponse(request, "portal/roi_assumptions.html", context, status=422 if form.errors else 200)


@require_POST
@portal_page()
def act(request: HttpRequest, access: Access, assumption_id: int, action: str) -> HttpResponse:
    """Approve or withdraw a version; say why not where another one was said meanwhile."""
    if not may_edit(access.membership):
        raise PermissionDenied
    row = Assumption.objects.select_related("application").filter(id=assumption_id).first()
    if row is None or action not in ("approve", "withdraw"):
        raise Http404("There is no such assumption.")
    do = assumptions.approve if action == "approve" else assumptions.withdraw
    try:
        do(application=row.application, key=row.key, version=row.version, at=access.now, actor=access.actor)
    except assumptions.NotNow as error:
        messages.error(request, str(error))
    return redirect(f"{reverse('roi_assumptions')}?application={row.application.slug}")


@require_POST
@portal_page(ADMINISTRATORS)
def finance(request: HttpRequest, access: Access) -> HttpResponse:
    """Let a member change assumptions, or no longer."""
    member, may = request.POST.get("member", ""), request.POST.get("may")
    if not member.isdecimal() or may not in ("yes", "no"):
        raise BadRequest("Who, and whether they may, is missing.")
    change = permissions.let if may == "yes" else permissions.stop
    try:
        change(organization_id=access.organization.id, member_id=int(member[:18]), at=clock.wall(), actor=access.actor)
    except NoSuchMember as error:
        raise Http404(str(error)) from error
    return redirect("roi_assumptions")


def _say(form: SayForm, application: Application, access: Access) -> bool:
    cleaned = dict(form.cleaned_data)
    known = KNOWN.get(cleaned["key"])
    cleaned["valid_from"] = cleaned["valid_from"] or access.now.date()
    said = assumptions.Said(unit=known.unit if known else "money each", **cleaned)
    try:
        assumptions.say(application=application, said=said, at=access.now, actor=access.actor)
    except assumptions.BadAssumption as error:
        for field, words in error.faults:
            form.add_error(field if field in form.fields else None, f"{field} {words}")
        return False
    except assumptions.NotNow as error:
        form.add_error(None, str(error))
        return False
    return True


def _say_currency(request: HttpRequest, access: Access) -> HttpResponse:
    currency = request.POST["currency"].strip().upper()
    try:
        held = say_currency(organization=access.organization, currency=currency, at=access.now, actor=access.actor)
    except ValueError as error:
        messages.error(request, str(error).capitalize())
    else:
        if not held:
            messages.error(request, "The organization has a currency already.")
    return redirect("roi_assumptions")


def _row(each: Standing, application: Application | None, currency: str, *, edits: bool) -> dict[str, Any]:
    known, holds, waits = KNOWN.get(each.key), each.holds, each.waits
    versions = history_of(application, each.key) if application is not None and each.newest.version > 1 else []
    return {
        "key": each.key,
        "words": known.words if known else "",
        "holds": _version(holds, currency) if holds else None,
        "waits": _version(waits, currency) if waits is not None and waits != holds else None,
        "approve_url": _act(waits, "approve") if edits and waits is not None else None,
        "withdraw_url": _act(each.newest, "withdraw") if edits and each.newest.state != "withdrawn" else None,
        "withdrawn": each.newest.state == "withdrawn",
        "history": [_version(row, currency) | {"state": row.state} for row in versions],
    }


def _version(row: Assumption, currency: str) -> dict[str, Any]:
    return {
        "version": row.version, "numbers": input_words(vars(row), currency), "unit": unit_words(vars(row), currency),
        "owner": row.owner, "source": row.source, "approved_by": row.approved_by,
        "said_by": row.said_by, "said_at": row.said_at, "valid_from": row.valid_from, "note": row.note,
        "is_guess": row.source == Source.GUESS,
    }  # fmt: skip


def _act(row: Assumption, action: str) -> str:
    return reverse("act_on_assumption", args=[row.id, action])


def _people(access: Access) -> list[dict[str, Any]]:
    let = allowed(organization_id=access.organization.id)
    return [
        {"id": each.id, "email": each.user.email, "role": each.role, "always": each.role in ALWAYS,
         "may": each.role in ALWAYS or each.id in let}
        for each in members_of(organization_id=access.organization.id)
    ]  # fmt: skip
