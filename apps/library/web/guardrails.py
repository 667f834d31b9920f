"""Guardrails' pages: what is in force where; one guardrail with its versions and what they would have done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.library.domain.backtesting import Tally, read_tally
from apps.library.domain.guardrails import BadGuardrail, as_document, difference, read_guardrail
from apps.library.models import Backtest, Guardrail, GuardrailActivation
from apps.library.selectors import guardrails as selectors
from apps.library.services import backtesting
from apps.library.services import guardrails as services
from apps.organizations.models import Application
from apps.organizations.services import set_two_people
from apps.organizations.web.access import ADMINISTRATORS, READERS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before

_PAGE = 30
_VERSIONS = 50
_EXAMPLE = """{
  "rules": [{"id": "orders", "on": "user", "action": "block", "pattern": "\\\\bdrop your orders\\\\b"}],
  "sanitise": true,
  "longest_input": 8000
}"""


class ContentField(forms.CharField):
    """What a version says, as JSON: the same as the API takes."""

    widget = forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "fw-mono"})

    def clean(self, value: Any) -> Any:
        """Return the plain form."""
        try:
            return json.loads(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(f"This is not JSON: {error}") from error


class GuardrailForm(forms.Form):
    """A new guardrail with its first version."""

    name = forms.CharField(max_length=64, help_text="Lower-case letters, digits, '_' and '-': it stands in addresses.")
    content = ContentField(initial=_EXAMPLE, help_text="Patterns are RE2. It is in force nowhere until it was tried.")


class VersionForm(forms.Form):
    """What the next version says."""

    content = ContentField(label="What it says")
    note = forms.CharField(max_length=500, required=False, help_text="Why, for whoever reads the history.")


@portal_page()
def guardrail_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List guardrails, the last written first; who works with them writes one."""
    before = read_before(request)
    form = GuardrailForm(request.POST or None) if access.may(WORKERS) else None
    if request.method == "POST":
        access.require(WORKERS)
        if form is not None and form.is_valid() and (made := _write(form, access, form.cleaned_data["name"])):
            return redirect("guardrail", name=made.name)
    found = selectors.list_guardrails(before=before, limit=_PAGE + 1)
    page, pager = cut_page(found, _PAGE, "guardrails", access, before=before)
    context = {
        "rows": [
            {
                "name": each.name, "url": reverse("guardrail", args=[each.name]), "newest": each.newest.version,
                "note": each.newest.note, "created_at": each.newest.created_at,
                "in_force": [_place(one) for one in each.standing], "waiting": [_place(one) for one in each.waiting],
            }
            for each in page
        ],
        "page": pager,
        "form": form,
        "create_url": reverse("guardrails"),
        "two_people": access.organization.two_people,
        "two_people_url": reverse("two_people") if access.may(ADMINISTRATORS) else None,
        "empty": {
            "title": "No guardrail yet",
            "text": "When attacks succeed the playbook proposes one, tried on what was captured. Or write your own.",
        },
    }  # fmt: skip
    return TemplateResponse(request, "portal/guardrails.html", context, status=422 if form and form.errors else 200)


@portal_page()
def guardrail(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Show one guardrail; who works with it adds a version."""
    versions = selectors.list_guardrail_versions(name, limit=_VERSIONS)
    if not versions:
        raise Http404("There is no such guardrail.")
    shown = _pick(request, versions, "version") or versions[0]
    against = _pick(request, versions, "against") or next((v for v in versions if v.version < shown.version), None)
    said = json.dumps(as_document(read_guardrail(shown.content)), indent=2, ensure_ascii=False)
    form = VersionForm(request.POST or None, initial={"content": said}) if access.may(WORKERS) else None
    if request.method == "POST":
        access.require(WORKERS)
        if form is not None and form.is_valid() and (made := _write(form, access, name)):
            return redirect(f"{reverse('guardrail', args=[name])}?version={made.version}")
    history = selectors.activation_history(name)
    content = read_guardrail(shown.content)
    before = read_guardrail(against.content) if against else None
    context = {
        "name": name,
        "shown": {"version": shown.version, "hash": shown.content_hash[:12], "note": shown.note, "json": said},
        "against": against.version if against else None,
        "diff": difference(before, content),
        "limit": content.most_benign_blocked,
        "backtests": shown_backtests(selectors.list_backtests(shown, limit=10), access),
        "standing": [_place(each) | {"url": _act_url(each.guardrail, "deactivate", each.application)}
                     for each in history if each.stands],
        "waiting": [_place(each) | {"url": _act_url(each.guardrail, "activate", each.application),
                                    "mine": each.requested_by == access.actor} for each in history if each.waits],
        "history": [_lived(each) for each in history if not each.waits],
        "versions": [_version(each, name) for each in versions],
        "may": access.may(WORKERS),
        "application": {"name": access.application.name, "slug": access.application.slug}
        if access.application
        else None,
        "try_url": _act_url(shown, "backtest", access.application),
        "activate_url": _act_url(shown, "activate", access.application),
        "form": form,
        "form_url": f"{reverse('guardrail', args=[name])}?version={shown.version}",
        "crumbs": [{"label": "Guardrails", "url": page_url("guardrails", access)}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/guardrail.html", context, status=422 if form and form.errors else 200)


@require_POST
@portal_page(WORKERS)
def act(request: HttpRequest, access: Access, name: str, number: int, action: str) -> HttpResponse:
    """Try a version, put it in force or take it out, for the application the form names, or for all."""
    found = selectors.find_guardrail(name, number)
    acts: dict[str, Callable[..., str]] = {"backtest": _try, "activate": _activate, "deactivate": _deactivate}
    if found is None or action not in acts:
        raise Http404("There is no such guardrail, or no such action.")
    try:
        told = acts[action](found, access, request.POST.get("reason", "")[:500].replace("\x00", ""))
        messages.success(request, told)
    except services.NotActivated as error:
        messages.error(request, f"It may not go live: {error}.")
    address = f"{reverse('guardrail', args=[name])}?version={number}"
    return redirect(f"{address}&application={access.application.slug}" if access.application else address)


@require_POST
@portal_page(ADMINISTRATORS)
def two_people(request: HttpRequest, access: Access) -> HttpResponse:
    """Have what goes to everybody at once need a second person, or not."""
    set_two_people(
        organization_id=access.organization.id, asked=request.POST.get("asked") == "yes", at=access.now,
        actor=access.actor,
    )  # fmt: skip
    return redirect("guardrails")


def _try(found: Guardrail, access: Access, reason: str) -> str:
    named = [access.application] if access.application else selectors.applications_with_traffic(
        since=access.now - backtesting.PERIOD
    )  # fmt: skip
    for each in named:
        backtesting.ask_backtest(guardrail=found, application=each, at=access.now, asked_by=access.actor)
    return "It is being tried on what was captured." if named else "Nothing was captured to try it on."


def _activate(found: Guardrail, access: Access, reason: str) -> str:
    made = services.activate(
        guardrail=found, application=access.application, at=access.now, actor=access.actor, reason=reason
    )
    return "It waits for a second person." if made.waits else "It is in force."


def _deactivate(found: Guardrail, access: Access, reason: str) -> str:
    ended = services.deactivate(
        name=found.name, application=access.application, at=access.now, actor=access.actor, reason=reason
    )
    return "It is out of force." if ended else "It was not in force there."


def _write(form: Any, access: Access, name: str) -> Guardrail | None:
    try:
        made, _ = services.add_guardrail_version(
            organization_id=access.organization.id, name=name, content=form.cleaned_data["content"],
            note=form.cleaned_data.get("note", ""), at=access.now, actor=access.actor,
        )  # fmt: skip
    except BadGuardrail as error:
        form.add_error("content", str(error))
        return None
    return made


def _pick(request: HttpRequest, versions: list[Guardrail], field: str) -> Guardrail | None:
    wanted = request.GET.get(field, "")
    return next((each for each in versions if str(each.version) == wanted), None)


def _place(activation: GuardrailActivation) -> dict[str, Any]:
    return {
        "version": activation.guardrail.version,
        "where": activation.application.name if activation.application else "all applications",
        "by": activation.requested_by,
        "at": activation.at or activation.requested_at,
    }


def _lived(activation: GuardrailActivation) -> dict[str, Any]:
    return _place(activation) | {
        "by": activation.approved_by, "reason": activation.reason, "ended_at": activation.ended_at,
        "ended_by": activation.ended_by, "end_reason": activation.end_reason,
    }  # fmt: skip


def _version(each: Guardrail, name: str) -> dict[str, Any]:
    return {
        "version": each.version, "url": f"{reverse('guardrail', args=[name])}?version={each.version}",
        "note": each.note, "created_by": each.created_by, "created_at": each.created_at,
    }  # fmt: skip


def _act_url(found: Guardrail, action: str, application: Application | None) -> str:
    address = reverse("act_on_guardrail", args=[found.name, found.version, action])
    return f"{address}?application={application.slug}" if application else address


def shown_backtests(backtests: Sequence[Backtest], access: Access) -> list[dict[str, Any]]:
    """Return backtests as pages show them: what was said only to those who may read it."""
    examples = selectors.false_positives(backtests) if access.may(READERS) else {each.id: [] for each in backtests}
    return [_backtest(each) | {"examples": examples[each.id]} for each in backtests]


def _backtest(backtest: Backtest) -> dict[str, Any]:
    tally: Tally = read_tally(backtest.tally)
    return {
        "status": backtest.status,
        "since": backtest.since,
        "until": backtest.until,
        "tally": tally,
        "figures": [
            _rate("Attacks caught", tally.attacks_caught, tally.attacks, tally.catch_interval, "attacks detected"),
            _rate(
                "Harmless blocked",
                tally.benign_blocked,
                tally.benign,
                tally.block_interval,
                "harmless conversations",
                digits=2,
            ),
        ],
        "application": backtest.application.name,
        "rules": sorted(tally.rules.items(), key=lambda each: -each[1].attacks),
    }


def _rate(
    label: str, part: int, whole: int, interval: tuple[float, float] | None, of: str, *, digits: int = 0
) -> dict[str, Any]:
    return {
        "label": label, "kind": "percent", "digits": digits, "value": part / whole if whole else None,
        "interval": interval, "n": whole, "note": f"{part:,} of {whole:,} {of}",
    }  # fmt: skip
