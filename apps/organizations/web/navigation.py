"""What the frame around every page shows: where one is, where one can go, whose data this is."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from apps.organizations.web.access import ADMINISTRATORS, READERS, Access, page_url, path_of

# label, URL name, heading, stage of the wheel, icon, who sees it
_ENTRIES: tuple[tuple[str, str, str, int | None, str | None, frozenset[str] | None], ...] = (
    ("The wheel", "home", "", None, None, None),
    ("Cycles", "cycles", "", None, None, None),
    ("Conversations", "conversations", "Capture", 0, None, READERS),
    ("Uploads", "batches", "Capture", 0, None, None),
    ("Watched files", "sources", "Capture", 0, None, None),
    ("Security", "security", "Analyze", 1, None, None),
    ("Threat patterns", "threat_patterns", "Analyze", 1, None, READERS),
    ("Quality", "quality", "Analyze", 1, None, None),
    ("Business", "business", "Analyze", 1, None, None),
    ("Performance", "performance", "Analyze", 1, None, None),
    ("Runs", "runs", "Analyze", 1, None, None),
    ("Insights", "insights", "Insights", 2, None, None),
    ("Improvements", "improvements", "Improve", 3, None, None),
    ("Library", "prompts", "Improve", 3, None, None),
    ("Shared", "entries", "Improve", 3, None, None),
    ("Guardrails", "guardrails", "Improve", 3, None, None),
    ("Experiments", "experiments", "Deploy", 4, None, None),
    ("ROI", "roi", "Measure", 5, None, None),
    ("Settings", "organization", "Organization", None, None, ADMINISTRATORS),
    ("Applications", "applications", "Organization", None, None, None),
    ("Language models", "models", "Organization", None, None, ADMINISTRATORS),
    ("API keys", "keys", "Organization", None, None, ADMINISTRATORS),
    ("Webhooks", "webhooks", "Organization", None, None, ADMINISTRATORS),
    ("Alerts", "alerts", "Organization", None, None, None),
    ("Team", "team", "Organization", None, None, None),
    ("Personal data", "redaction", "Organization", None, None, ADMINISTRATORS),
    ("Audit", "audit", "Organization", None, None, ADMINISTRATORS),
)
# The kinds of things the library keeps: a tab each on the pages of all. label, URL name, who sees it
_KINDS: tuple[tuple[str, str, frozenset[str] | None], ...] = (
    ("Prompts", "prompts", None),
    ("Guardrails", "guardrails", None),
    ("Threat patterns", "threat_patterns", READERS),
    ("Response templates", "templates", READERS),
    ("To adopt", "entries", None),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return {"portal": …} as base.html documents it; {} outside the portal's pages."""
    access: Access | None = getattr(request, "access", None)
    if access is None:
        return _signed_in(request)
    path = request.path
    entries = []
    for label, name, group, stage, icon, roles in _ENTRIES:
        if roles is None or access.may(roles):
            address = path_of(name)
            active = path == address or (address != "/" and path.startswith(address))
            entries.append(
                {"label": label, "url": page_url(name, access), "active": active, "group": group, "stage": stage,
                 "icon": icon}
            )  # fmt: skip
    organization = access.organization
    return {
        "portal": {
            "nav": entries,
            "kinds": _kinds(access, path),
            "organization": {
                "name": organization.name,
                "slug": organization.slug,
                "sandbox": organization.sandbox,
                "clock_at": organization.clock_at,
            },
            "organizations": [
                {
                    "name": each.organization.name,
                    "slug": each.organization.slug,
                    "sandbox": each.organization.sandbox,
                    "role": each.role,
                    "current": each.organization_id == organization.id,
                }
                for each in access.memberships
            ],
            "application": {"name": access.application.name, "slug": access.application.slug}
            if access.application
            else None,
            "applications": _applications(request, access),
            "switch_url": reverse("switch_organization"),
            "switch_next": "/",
            "create_url": reverse("organizations"),
            "applications_url": page_url("applications", access),
            "search_url": reverse("conversations") if access.may(READERS) else "",
            "home_url": page_url("home", access),
            "person": {"email": access.actor, "role": access.role, "team": access.membership.team},
            "account_links": _account_links(request),
            "logout_url": reverse("account_logout"),
        }
    }


def _kinds(access: Access, path: str) -> list[dict[str, Any]]:
    return [
        {"label": label, "url": page_url(name, access), "current": path == path_of(name)}
        for label, name, roles in _KINDS
        if roles is None or access.may(roles)
    ]


def _applications(request: HttpRequest, access: Access) -> list[dict[str, Any]]:
    query = request.GET.copy()
    for name in ("cursor", "application"):
        query.pop(name, None)
    rest = query.urlencode()
    every = {"name": "All applications", "environment": "", "url": f"{request.path}?{rest}" if rest else request.path,
             "current": access.application is None}  # fmt: skip
    found = [every]
    for application in access.applications:
        query["application"] = application.slug
        found.append(
            {
                "name": application.name,
                "environment": application.environment,
                "url": f"{request.path}?{query.urlencode()}",
                "current": application.id == access.application_id,
            }
        )
    return found


def _signed_in(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "portal": {
            "home_url": "/",
            "person": {"email": user.email, "role": "", "team": ""},
            "account_links": _account_links(request),
            "logout_url": reverse("account_logout"),
        }
    }


def _account_links(request: HttpRequest) -> list[dict[str, str]]:
    links = [
        {"label": "E-mail addresses", "url": reverse("account_email")},
        {"label": "Password", "url": reverse("account_change_password")},
        {"label": "Two-factor sign-in", "url": reverse("mfa_index")},
        {"label": "Sessions", "url": reverse("usersessions_list")},
    ]
    if request.user.is_authenticated and request.user.is_staff:
        links.append({"label": "Administration", "url": reverse("admin:index")})
    return links
