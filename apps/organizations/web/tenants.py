"""Choosing and making organizations; applications and their profiles."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.organizations import selectors, services
from apps.organizations.web.access import (
    ADMINISTRATORS,
    ORGANIZATION_KEY,
    Access,
    choose_organization,
    page_url,
    portal_page,
)
from apps.organizations.web.forms import ApplicationForm, OrganizationForm, ProfileForm
from apps.platform import clock


@never_cache
@login_required
def organizations(request: HttpRequest) -> HttpResponse:
    """Choose an organization, or make one."""
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.found_organization(
                user=request.user,  # type: ignore[arg-type]
                name=form.cleaned_data["name"],
                slug=form.cleaned_data["slug"],
                at=clock.wall(),
            )
        except services.PeopleError as error:
            form.add_error("slug", str(error))
        else:
            choose_organization(request, made.organization)
            return redirect("home")
    memberships = selectors.memberships_of(user_id=request.user.pk or 0)
    chosen = request.session.get(ORGANIZATION_KEY)
    context = {
        "organizations": [
            {
                "slug": each.organization.slug,
                "name": each.organization.name,
                "role": each.role,
                "sandbox": each.organization.sandbox,
                "current": each.organization_id == chosen,
            }
            for each in memberships
        ],
        "switch_url": reverse("switch_organization"),
        "form": form,
        "create_url": reverse("organizations"),
    }
    return TemplateResponse(request, "portal/organizations.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def switch_organization(request: HttpRequest) -> HttpResponse:
    """Look at another of one's organizations."""
    slug = request.POST.get("organization", "")
    for each in selectors.memberships_of(user_id=request.user.pk or 0):
        if each.organization.slug == slug:
            choose_organization(request, each.organization)
            return redirect("home")
    raise Http404("There is no such organization among yours.")


@require_safe
@portal_page()
def applications(request: HttpRequest, access: Access) -> HttpResponse:
    """List the organization's applications."""
    rows = [
        {
            "name": each.name,
            "slug": each.slug,
            "environment": each.environment,
            "url": reverse("application", args=[each.slug]),
            "known": ", ".join(key.replace("_", " ") for key in each.profile if each.profile[key]) or "nothing yet",
        }
        for each in selectors.list_applications()
    ]
    create = reverse("create_application") if access.may(ADMINISTRATORS) else None
    empty: dict[str, Any] | None = None
    if not rows:
        empty = {"title": "No application yet", "text": "The first push that names one makes it, or make it here."}
        if create:
            empty |= {"action": {"label": "New application", "url": create}}
    return TemplateResponse(request, "portal/applications.html", {"rows": rows, "create_url": create, "empty": empty})


@portal_page(ADMINISTRATORS)
def create_application(request: HttpRequest, access: Access) -> HttpResponse:
    """Make an application."""
    form = ApplicationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        slug, name = form.cleaned_data["slug"], form.cleaned_data["name"]
        if selectors.find_application(slug) is not None:
            form.add_error("slug", "This address is taken.")
        else:
            services.ensure_application(organization_id=access.organization.id, slug=slug, name=name, at=access.now)
            return redirect("application", slug=slug)
    context = {
        "title": "New application",
        "lede": "One LLM system under observation: its conversations are analyzed together.",
        "form": form,
        "action": reverse("create_application"),
        "submit": "Make it",
        "back_url": page_url("applications", access),
    }
    return TemplateResponse(request, "portal/form_page.html", context, status=422 if form.errors else 200)


@portal_page()
def application(request: HttpRequest, access: Access, slug: str) -> HttpResponse:
    """Read an application's profile; administrators change it."""
    found = selectors.find_application(slug)
    if found is None:
        raise Http404("There is no such application.")
    may_change = access.may(ADMINISTRATORS)
    stored = json.dumps(found.profile, indent=2, ensure_ascii=False)
    form = ProfileForm(request.POST or None, initial={"profile": stored})
    if request.method == "POST":
        access.require(ADMINISTRATORS)
        if form.is_valid():
            services.save_profile(
                application=found, profile=form.cleaned_data["profile"], at=access.now, actor=access.actor
            )
            messages.success(request, "The profile is saved. Conversations captured from now on are read with it.")
            return redirect("application", slug=slug)
    if not may_change:
        form.fields["profile"].disabled = True
    context = {
        "title": found.name,
        "lede": "What you tell Flywheel about this application. Every key is optional.",
        "form": form,
        "action": reverse("application", args=[slug]) if may_change else None,
        "submit": "Save the profile",
        "back_url": page_url("applications", access),
    }
    return TemplateResponse(request, "portal/form_page.html", context, status=422 if form.errors else 200)
