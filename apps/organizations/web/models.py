"""Language models: which ones Flywheel may ask, with whose key, and what that may cost."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.organizations import selectors, services
from apps.organizations.models import ModelEndpoint
from apps.organizations.web.access import ADMINISTRATORS, Access, page_url, portal_page
from apps.organizations.web.forms import ModelForm
from apps.platform import clock

_PURPOSES = {
    "probes": ("Probes", "The model your application runs on: old and new prompts are tried against attacks on it."),
    "drafts": ("Drafts", "A model that may write proposals from evidence. A person approves each of them."),
}


@require_safe
@portal_page(ADMINISTRATORS)
def models(request: HttpRequest, access: Access) -> HttpResponse:
    """List the models, what each has cost today, and the purposes that have none."""
    at = clock.wall()
    spent = selectors.spent_on_models(at)
    found = [each for each in selectors.list_models() if access.application in (None, each.application)]
    context = {
        "rows": [_row(each, spent.get(each.id, 0), at) for each in found],
        "purposes": [
            {"label": label, "text": text, "url": page_url("model", access, purpose=purpose)}
            for purpose, (label, text) in _PURPOSES.items()
            if not any(each.purpose == purpose and each.application == access.application for each in found)
        ],
        "whose": access.application.name if access.application else "all applications",
    }
    return TemplateResponse(request, "portal/models.html", context)


@portal_page(ADMINISTRATORS)
def model(request: HttpRequest, access: Access) -> HttpResponse:
    """Set the model of a purpose: of the application chosen, or of all that have none of their own."""
    purpose = request.GET.get("purpose", "probes")
    if purpose not in _PURPOSES:
        raise Http404("There is no such purpose.")
    label, text = _PURPOSES[purpose]
    standing = next(
        (each for each in selectors.list_models() if (each.purpose, each.application) == (purpose, access.application)),
        None,
    )
    form = ModelForm(request.POST or None, standing=standing)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_endpoint(
                organization_id=access.organization.id, application=access.application, purpose=purpose,
                given=form.values(), at=clock.wall(), actor=access.actor,
            )  # fmt: skip
        except services.BadEndpoint as error:
            form.add_error(error.field, str(error))
        else:
            messages.success(request, "The model is set.")
            return redirect(page_url("models", access))
    context = {
        "title": f"{label}: a model for {access.application.name if access.application else 'all applications'}",
        "lede": text,
        "form": form,
        "action": page_url("model", access, purpose=purpose),
        "submit": "Set the model",
        "back_url": page_url("models", access),
    }
    return TemplateResponse(request, "portal/form_page.html", context, status=422 if form.errors else 200)


@require_POST
@portal_page(ADMINISTRATORS)
def remove_model(request: HttpRequest, access: Access) -> HttpResponse:
    """Forget the model of a purpose, and its key."""
    if not services.remove_endpoint(
        organization_id=access.organization.id, application=access.application,
        purpose=request.GET.get("purpose", "probes"), at=clock.wall(), actor=access.actor,
    ):  # fmt: skip
        raise Http404("There is no such model.")
    messages.success(request, "The model and its key are forgotten.")
    return redirect(page_url("models", access))


def _row(each: ModelEndpoint, spent: int, at: Any) -> dict[str, Any]:
    query = f"?purpose={each.purpose}" + (f"&application={each.application.slug}" if each.application else "")
    return {
        "purpose": _PURPOSES[each.purpose][0],
        "application": each.application.name if each.application else "all",
        "model": each.model,
        "base_url": each.base_url,
        "key": "set" if each.api_key else "none",
        "spent": spent,
        "tokens_per_day": each.tokens_per_day,
        "tokens_per_run": each.tokens_per_run,
        "resting": each.broken_until is not None and each.broken_until > at,
        "url": reverse("model") + query,
        "remove_url": reverse("remove_model") + query,
    }
