"""Webhooks: made and switched by administrators; what was sent to each, and sending again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.organizations import selectors
from apps.organizations.services import delivering, webhooks
from apps.organizations.web.access import ADMINISTRATORS, Access, page_url, portal_page
from apps.organizations.web.forms import sentence
from apps.organizations.web.paging import cut_page, read_before
from apps.platform import clock
from apps.platform.models import WebhookDelivery, WebhookEndpoint
from apps.platform.outbox import KINDS

_PAGE = 30


class WebhookForm(forms.Form):
    """A new webhook."""

    name = forms.CharField(max_length=100, help_text="Who listens there.")
    url = forms.CharField(max_length=2000, label="Address", help_text="https://…; it must be a public address.")
    shape = forms.ChoiceField(
        choices=[("standard", "signed JSON (Standard Webhooks)"), ("slack", "Slack's incoming webhook")]
    )
    events = forms.MultipleChoiceField(
        choices=[(kind, f"{kind}: {meaning}") for kind, meaning in KINDS.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="None: it hears only of alerts that are sent to it by name.",
    )


@portal_page(ADMINISTRATORS)
def webhook_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List webhooks; make one, whose secret is shown this once."""
    form, made = WebhookForm(request.POST or None, initial={"events": ["insight.opened"]}), None
    if request.method == "POST" and form.is_valid():
        try:
            made = webhooks.create_endpoint(
                organization_id=access.organization.id, at=access.now, actor=access.actor, **form.cleaned_data
            )
        except webhooks.BadEndpoint as error:
            form.add_error(None, sentence(error))
        else:
            form = WebhookForm(initial={"events": ["insight.opened"]})
    context = {
        "rows": [_row(each, access) for each in selectors.list_endpoints()],
        "form": form,
        "made": _secret(made),
        "create_url": page_url("webhooks", access),
    }
    return TemplateResponse(request, "portal/webhooks.html", context, status=422 if form.errors else 200)


@require_safe
@portal_page(ADMINISTRATORS)
def webhook(request: HttpRequest, access: Access, webhook_id: str) -> HttpResponse:
    """Show one webhook and what was sent to it."""
    return _page(request, access, _find(webhook_id))


@require_POST
@portal_page(ADMINISTRATORS)
def rotate(request: HttpRequest, access: Access, webhook_id: str) -> HttpResponse:
    """Make a new secret, shown this once."""
    endpoint = _find(webhook_id)
    try:
        made = webhooks.rotate_secret(endpoint=endpoint, at=access.now, wall=clock.wall(), actor=access.actor)
    except webhooks.BadEndpoint as error:
        messages.error(request, sentence(error))
        return redirect("webhook", webhook_id=webhook_id)
    return _page(request, access, endpoint, made)


@require_POST
@portal_page(ADMINISTRATORS)
def act(request: HttpRequest, access: Access, webhook_id: str, action: str) -> HttpResponse:
    """Do what a button says."""
    endpoint = _find(webhook_id)
    if action not in _ACTS:
        raise Http404("There is no such action.")
    messages.success(request, _ACTS[action](endpoint, access))
    return redirect("webhooks") if action == "remove" else redirect("webhook", webhook_id=webhook_id)


@require_POST
@portal_page(ADMINISTRATORS)
def send_again(request: HttpRequest, access: Access, webhook_id: str, event_id: str) -> HttpResponse:
    """Send an event again, under the id it had."""
    delivery = selectors.find_delivery(_find(webhook_id), event_id)
    if delivery is None:
        raise Http404("This event was never on its way there.")
    delivering.send_again(delivery=delivery, at=access.now, actor=access.actor)
    messages.success(request, "It is on its way again, under the same id.")
    return redirect("webhook", webhook_id=webhook_id)


def _test(endpoint: WebhookEndpoint, access: Access) -> str:
    webhooks.send_test(endpoint=endpoint, at=access.now, actor=access.actor)
    return "A test is on its way; how it went stands below in a few seconds."


def _enable(endpoint: WebhookEndpoint, access: Access) -> str:
    webhooks.enable(endpoint=endpoint, at=access.now, actor=access.actor)
    return "It is switched on; what waited is on its way."


def _disable(endpoint: WebhookEndpoint, access: Access) -> str:
    webhooks.disable(endpoint=endpoint, at=access.now, wall=clock.wall(), actor=access.actor)
    return "It is switched off; nothing is sent to it."


def _remove(endpoint: WebhookEndpoint, access: Access) -> str:
    webhooks.remove(endpoint=endpoint, at=access.now, actor=access.actor)
    return "The webhook and its deliveries are gone."


_ACTS: dict[str, Callable[[WebhookEndpoint, Access], str]] = {
    "test": _test,
    "enable": _enable,
    "disable": _disable,
    "remove": _remove,
}


def _find(webhook_id: str) -> WebhookEndpoint:
    found = selectors.find_endpoint(webhook_id)
    if found is None:
        raise Http404("There is no such webhook.")
    return found


def _secret(made: webhooks.NewEndpoint | None) -> dict[str, str] | None:
    return {"name": made.row.name, "secret": made.secret} if made and made.secret else None


def _row(endpoint: WebhookEndpoint, access: Access) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "url": page_url("webhook", access, endpoint.public_id),
        "host": endpoint.host,
        "shape": {"standard": "signed JSON", "slack": "Slack"}[endpoint.shape],
        "events": endpoint.events,
        "state": "disabled" if endpoint.disabled_at else "failing" if endpoint.failing_since else "active",
        "reason": endpoint.disabled_reason,
        "failing_since": endpoint.failing_since,
        "created_by": endpoint.created_by,
        "created_at": endpoint.created_at,
    }


def _page(
    request: HttpRequest, access: Access, endpoint: WebhookEndpoint, made: webhooks.NewEndpoint | None = None
) -> HttpResponse:
    before = read_before(request)
    found = selectors.list_deliveries(endpoint, before=before, limit=_PAGE + 1)
    page, pager = cut_page(found, _PAGE, "webhook", access, before=before, arguments=(endpoint.public_id,))
    address = endpoint.public_id
    context = {
        "webhook": _row(endpoint, access)
        | {"address": endpoint.url if endpoint.secret else f"https://{endpoint.host}/…"},
        "made": _secret(made),
        "rotate_url": reverse("rotate_webhook", args=[address]) if endpoint.secret else None,
        "test_url": reverse("act_on_webhook", args=[address, "test"]) if endpoint.disabled_at is None else None,
        "switch_url": reverse("act_on_webhook", args=[address, "enable" if endpoint.disabled_at else "disable"]),
        "remove_url": reverse("act_on_webhook", args=[address, "remove"]),
        "deliveries": [_delivery(each, endpoint) for each in page],
        "page": pager,
        "crumbs": [{"label": "Webhooks", "url": page_url("webhooks", access)}],
    }
    return TemplateResponse(request, "portal/webhook.html", context)


def _delivery(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "kind": delivery.event.kind,
        "event": delivery.event.public_id,
        "summary": delivery.event.summary,
        "path": delivery.event.path,
        "at": delivery.event.at,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "heard": delivery.error or (f"answered {delivery.status}" if delivery.status else "not tried yet"),
        "tried_at": delivery.tried_at,
        "next_at": delivery.next_at,
        "again_url": reverse("send_webhook_again", args=[endpoint.public_id, delivery.event.public_id]),
    }
