"""Alerts: what one hears of oneself; what teams and webhooks hear of, for administrators."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.insights.domain.alerting import GROUPS, Wish, check_wish
from apps.insights.domain.signals import SEVERITIES
from apps.insights.models import AlertSubscription
from apps.insights.selectors import alerts as selectors
from apps.insights.services import alerting
from apps.organizations import selectors as organizations
from apps.organizations.models import Membership
from apps.organizations.web.access import ADMINISTRATORS, Access, page_url, portal_page
from apps.organizations.web.forms import sentence

_RECENT = 10


class WishForm(forms.Form):
    """What somebody wants to hear of, and when."""

    floor = forms.ChoiceField(
        choices=[(word, f"{word} and graver" if word != "critical" else word) for word in SEVERITIES], initial="high",
        label="From",
    )  # fmt: skip
    about = forms.ChoiceField(choices=[("", "everything"), *((group, group) for group in GROUPS)], required=False)
    digest_hour = forms.TypedChoiceField(
        choices=[("", "each at once"), *((hour, f"once a day, at {hour:02d}:00") for hour in range(24))],
        coerce=int, empty_value=None, required=False, label="When",
    )  # fmt: skip
    quiet_from = forms.TimeField(
        required=False, label="Quiet from", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_until = forms.TimeField(
        required=False, label="until", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def clean(self) -> dict[str, Any]:
        """Return the wish."""
        said = super().clean() or {}
        if not self.errors:
            try:
                check_wish(Wish(**{name: said[name] for name in WishForm.base_fields}))
            except ValueError as error:
                raise forms.ValidationError(sentence(error)) from error
        return said


class OthersForm(WishForm):
    """What a team or a webhook hears of."""

    who = forms.ChoiceField(label="Who")
    field_order = ("who",)

    def __init__(self, *arguments: Any, endpoints: list[tuple[str, str]], **named: Any) -> None:
        super().__init__(*arguments, **named)
        teams = [(f"team {team}", f"the {team} team, by e-mail") for team in Membership.Team.values]
        self.fields["who"].choices = [*teams, *endpoints]  # type: ignore[attr-defined]


@portal_page()
def alerts(request: HttpRequest, access: Access) -> HttpResponse:
    """Show and change what one hears of."""
    mine = next((each for each in selectors.list_subscriptions() if each.person_id == request.user.pk), None)
    form = WishForm(request.POST or None, initial=_initial(mine))
    if request.method == "POST" and form.is_valid():
        alerting.subscribe(
            organization_id=access.organization.id, at=access.now, actor=access.actor, person_id=request.user.pk,
            **form.cleaned_data,
        )  # fmt: skip
        messages.success(request, f"You hear of what is {form.cleaned_data['floor']} or graver.")
        return redirect("alerts")
    return _page(request, access, form)


@require_POST
@portal_page(ADMINISTRATORS)
def subscribe_others(request: HttpRequest, access: Access) -> HttpResponse:
    """Have a team or a webhook hear of insights."""
    form = OthersForm(request.POST, endpoints=_endpoints())
    if not form.is_valid():
        return _page(request, access, None, form)
    wish = {name: value for name, value in form.cleaned_data.items() if name != "who"}
    kind, _, name = form.cleaned_data["who"].partition(" ")
    whom = {"team": name} if kind == "team" else {"endpoint": organizations.find_endpoint(name)}
    alerting.subscribe(organization_id=access.organization.id, at=access.now, actor=access.actor, **whom, **wish)
    messages.success(request, "Saved.")
    return redirect("alerts")


@require_POST
@portal_page()
def unsubscribe(request: HttpRequest, access: Access, subscription_id: str) -> HttpResponse:
    """Have nobody hear through it any more: one's own, or, for administrators, any."""
    found = selectors.find_subscription(subscription_id)
    if found is None:
        raise Http404("There is no such subscription.")
    if found.person_id != request.user.pk and not access.may(ADMINISTRATORS):
        raise PermissionDenied
    alerting.unsubscribe(subscription=found, at=access.now, actor=access.actor)
    messages.success(request, "Nothing more is sent through it.")
    return redirect("alerts")


def _page(
    request: HttpRequest, access: Access, form: WishForm | None, others: OthersForm | None = None
) -> HttpResponse:
    subscriptions = selectors.list_subscriptions()
    mine = next((each for each in subscriptions if each.person_id == request.user.pk), None)
    form = form or WishForm(initial=_initial(mine))
    may = access.may(ADMINISTRATORS)
    if may and others is None:
        others = OthersForm(endpoints=_endpoints(), auto_id="others-%s")
    context = {
        "form": form,
        "save_url": page_url("alerts", access),
        "mine": _row(mine) if mine else None,
        "email": access.actor,
        "zone": access.organization.zone,
        "recent": [
            {
                "statement": each.insight.statement, "severity": each.insight.severity, "state": each.state,
                "url": reverse("insight", args=[each.insight.public_id]), "why": each.why, "at": each.raised_at,
                "due_at": each.due_at, "sent_at": each.sent_at,
            }
            for each in (selectors.recent_alerts(mine.id, limit=_RECENT) if mine else [])
        ],
        "others": [_row(each) for each in subscriptions if each.person_id is None],
        "others_form": others if may else None,
        "others_url": reverse("subscribe_others"),
        "webhooks_url": page_url("webhooks", access) if may else None,
        "may": may,
    }  # fmt: skip
    wrong = form.errors or (others.errors if others else None)
    return TemplateResponse(request, "portal/alerts.html", context, status=422 if wrong else 200)


def _endpoints() -> list[tuple[str, str]]:
    return [
        (f"endpoint {each.public_id}", f"the webhook {each.name} ({each.host})")
        for each in organizations.list_endpoints()
    ]


def _initial(subscription: AlertSubscription | None) -> dict[str, Any]:
    if subscription is None:
        return {"floor": "high"}
    names = ("floor", "about", "digest_hour", "quiet_from", "quiet_until")
    return {name: getattr(subscription, name) for name in names}


def _row(found: AlertSubscription) -> dict[str, Any]:
    who = f"the {found.team} team" if found.team else f"the webhook {found.endpoint.name}" if found.endpoint else "you"
    quiet = f"quiet {found.quiet_from:%H:%M}–{found.quiet_until:%H:%M}" if found.quiet_from else ""
    return {
        "who": who,
        "floor": found.floor,
        "about": found.about or "everything",
        "when": "each at once" if found.digest_hour is None else f"once a day, at {found.digest_hour:02d}:00",
        "quiet": quiet,
        "made_by": found.made_by,
        "remove_url": reverse("unsubscribe_alerts", args=[found.public_id]),
    }
