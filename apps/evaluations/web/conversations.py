"""Conversations: search and filters, all in the address; one conversation with what was found marked in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.evaluations import selectors
from apps.evaluations.domain.quality.patterns import PATTERNS
from apps.evaluations.exports import conversations_csv
from apps.evaluations.filtering import NAMES, OUTCOMES, BadFilter, parse_filters
from apps.evaluations.models import VerdictLabel
from apps.evaluations.paging import key_of, read_key
from apps.evaluations.selectors import AnalyzedConversation
from apps.evaluations.selectors.calibrations import labels_of
from apps.evaluations.selectors.pinned import find_pin_of
from apps.evaluations.services.verdicts import finding_of
from apps.evaluations.web.pinned import pin_context
from apps.evaluations.web.words import LEAKS, money, say, worst_incident
from apps.organizations.services.reading import note_export, note_reading
from apps.organizations.web.access import ADMINISTRATORS, READERS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.views import show_views
from apps.platform.api.cursors import encode_cursor
from apps.platform.api.problems import Problem

_PAGE = 50
_MOST_TURNS = 500
_VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("All", {}),
    ("Attacks", {"min_risk": "0.5"}),
    ("Succeeded", {"outcome": "succeeded"}),
    ("Escalated", {"escalated": "true"}),
    ("Low quality", {"max_quality": "4"}),
    ("Upsells", {"upsell": "confirmed"}),
    ("Churn risk", {"churn": "at_risk"}),
    ("Leads", {"enterprise_lead": "true"}),
)
# What the filter form has a field for; anything else asked for stays as it is.
_FIELDS = frozenset(
    {"q", "since", "until", "min_risk", "outcome", "pattern", "agent", "prompt_version", "model", "variant", "tag"}
)
# Metadata with a line of its own on the page.
_SHOWN = frozenset({"agent_id", "channel", "environment", "model", "prompt_version", "tags", "variant"})
_WHO = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}


@require_safe
@portal_page(READERS)
def conversations(request: HttpRequest, access: Access) -> HttpResponse:
    """List conversations, newest first."""
    asked = {name: request.GET[name] for name in NAMES if request.GET.get(name)}
    error, found = None, []
    try:
        filters = parse_filters(asked, application_id=access.application_id)
        found = selectors.list_facts(filters, limit=_PAGE + 1, after=_after(request.GET.get("cursor")))
    except BadFilter as bad:
        error = str(bad)
    page = found[:_PAGE]
    results = selectors.results_of([row.conversation_id for row in page])
    older = None
    if len(found) > _PAGE:
        cursor = encode_cursor(key_of(page[-1]))
        older = page_url("conversations", access, **asked, cursor=cursor)
    paged = bool(request.GET.get("cursor"))
    topics = selectors.topic_labels([asked["topic"]]) if "topic" in asked else {}
    context = {
        "views": [
            {"label": label, "url": page_url("conversations", access, **query), "current": asked == query}
            for label, query in _VIEWS
        ]
        + [{"label": "Pinned", "url": page_url("pinned", access), "current": False}],
        "saved": show_views("conversations", access, asked),
        "filters": dict.fromkeys(NAMES, "") | asked,
        "hidden": ({"application": access.application.slug} if access.application else {})
        | {name: value for name, value in asked.items() if name not in _FIELDS},
        "pills": [
            {
                "label": say(name),
                "value": topics.get(value, value) if name == "topic" else value,
                "remove_url": page_url("conversations", access, **{k: v for k, v in asked.items() if k != name}),
            }
            for name, value in asked.items()
            if name != "q"
        ],
        "choices": {
            "outcome": [(word, word) for word in OUTCOMES],
            "pattern": [(name, say(name)) for name in PATTERNS],
            "agent": [],
            "prompt_version": [],
        },
        "rows": [_row(row, results[row.conversation_id], access) for row in page],
        "page": {
            "newer": page_url("conversations", access, **asked) if paged else None,
            "older": older,
            "note": f"{len(page)} shown, newest first",
        },
        "csv_url": page_url("conversations_csv", access, **asked),
        "error": error,
        "search_note": None,
        "empty": None if page or asked or paged or error else _nothing_yet(access),
        "crumbs": [{"label": access.application.name if access.application else access.organization.name}],
    }
    return TemplateResponse(request, "portal/conversations.html", context, status=422 if error else 200)


def _after(cursor: str | None) -> tuple[datetime, int] | None:
    try:
        return read_key(cursor)
    except Problem as error:
        raise BadRequest("This page was not linked from here; start without its cursor.") from error


def _nothing_yet(access: Access) -> dict[str, Any]:
    return {
        "title": "No conversations yet",
        "text": "They appear here seconds after the first push.",
        "action": {"label": "How to send the first", "url": page_url("home", access)},
    }


def _row(fact: Any, results: Mapping[str, Any], access: Access) -> dict[str, Any]:
    worst = worst_incident(results.get("security"))
    patterns = (results.get("quality") or {}).get("patterns") or []
    found = say(worst["type"]) if worst else ", ".join(say(name) for name in patterns[:2])
    return {
        "session_id": fact.session_id,
        "url": page_url("conversation", access, fact.conversation_id),
        "started_at": fact.started_at,
        "excerpt": {"content": worst["evidence"], "spans": []} if worst else None,
        "found": found,
        "severity": worst["severity"] if worst else "",
        "outcome": worst["outcome"] if worst else "",
        "risk": fact.risk_score,
        "quality": fact.quality_score,
        "agent": fact.agent,
        "prompt_version": fact.prompt_version,
    }


@require_safe
@portal_page(READERS)
def conversation(request: HttpRequest, access: Access, conversation_id: int) -> HttpResponse:
    """Show one conversation: what was said, what was found in it, and why."""
    found, kept = selectors.get_conversation(conversation_id), find_pin_of(conversation_id)
    if found is None and kept is not None:
        return redirect(page_url("pinned_conversation", access, kept.id))
    if found is None:
        raise Http404("There is no such conversation.")
    row, results = found.row, found.results
    note_reading(
        organization=access.organization, conversation_id=row.id, at=access.now, actor=access.actor, where="page"
    )
    security, quality = results.get("security"), results.get("quality") or {}
    business, performance = results.get("business") or {}, results.get("performance") or {}
    assessed = security is not None
    worst = worst_incident(security)
    labels, digests = labels_of(row.id), [message.digest for message in found.messages]
    context: dict[str, Any] = {
        "conversation": {
            "session_id": row.session_id,
            "started_at": row.started_at,
            "duration_s": (row.last_at - row.started_at).total_seconds(),
            "agent": row.agent,
            "channel": row.channel,
            "variant": row.variant,
            "prompt_version": row.prompt_version,
            "model": row.model,
            "environment": row.environment,
            "tags": row.tags,
            "metadata": [
                (str(key), str(value)[:500]) for key, value in list(row.metadata.items())[:50] if key not in _SHOWN
            ],
            "redacted": None,
            "content_version": row.content_version,
        },
        "headline": _headline(worst),
        "erase_url": reverse("erase_person", args=[row.id]) if row.user_hash and access.may(ADMINISTRATORS) else None,
        "pin": pin_context(row.id, kept, access),
        "crumbs": [{"label": "Conversations", "url": page_url("conversations", access)}],
        "previous_url": None,
        "next_url": None,
        "turns": _turns(found, security or {}, quality),
        "cut": max(0, len(found.messages) - _MOST_TURNS),
        "assessed": assessed,
        "poll_url": None if assessed else request.get_full_path(),
        "risk": security["risk_score"] if security else None,
        "risk_word": "high" if security and security["risk_score"] >= 7 else None,
        "performance": {
            "tokens": performance.get("tokens"),
            "cost": money(performance.get("cost")),
            "currency": access.organization.currency,
            "estimated": performance.get("estimated"),
            "reply_p50_s": performance.get("reply_time_p50_s"),
            "reply_p95_s": performance.get("reply_time_p95_s"),
        },
        "incidents": [_incident(incident, digests, labels) for incident in (security or {}).get("incidents", [])],
        "judge_url": reverse("judge", args=[row.id]) if access.may(WORKERS) else None,
        "verdicts": [{"person": each.person, "text": _said(each)} for each in labels if not each.finding],
        "quality": {
            **quality,
            "subscores": [
                {"label": say(name), "value": value, "reason": ""}
                for name, value in (quality.get("subscores") or {}).items()
            ],
            "patterns": [
                {"label": say(name), "url": page_url("conversations", access, pattern=name)}
                for name in quality.get("patterns") or []
            ],
            "escalation": _escalation(quality.get("escalation") or {}),
        },
        "business": {
            **business,
            "value": money(business.get("value")),
            "upsell_value": money(business.get("upsell_value")),
            "currency": access.organization.currency,
            "factors": [say(name).lower() for name in business.get("factors") or []],
        },
    }
    return TemplateResponse(request, "portal/conversation.html", context)


def _incident(incident: Mapping[str, Any], digests: list[str], labels: list[VerdictLabel]) -> dict[str, Any]:
    place = incident["message_index"]
    name = finding_of(dict(incident), digests) if place < len(digests) else ""
    return {
        **incident,
        "anchor": f"m{place + 1}",
        "type": say(incident["type"]),
        "finding": name,
        "is_fault": incident["type"] in LEAKS,
        "verdicts": [{"person": each.person, "text": _said(each)} for each in labels if each.finding == name and name],
    }


def _said(label: VerdictLabel) -> str:
    if not label.is_attack:
        return "not an attack"
    return f"attack, {label.outcome}" if label.outcome else "attack"


def _headline(worst: Mapping[str, Any] | None) -> dict[str, str] | None:
    if worst is None:
        return None
    kind = {"succeeded": "bad", "blocked": "good", "unclear": "none"}[worst["outcome"]]
    return {"kind": kind, "text": f"{say(worst['type'])}, {worst['outcome']}"}


def _escalation(found: Mapping[str, bool]) -> str:
    return ", ".join(word for word in ("requested", "offered", "done") if found.get(word))


def _turns(
    found: AnalyzedConversation, security: Mapping[str, Any], quality: Mapping[str, Any]
) -> list[dict[str, Any]]:
    spans: dict[int, list[dict[str, Any]]] = {}
    notes: dict[int, list[dict[str, str]]] = {}
    for number, incident in enumerate(security.get("incidents", [])):
        mark, index = "abcdefghijklmnopqrstuvwxyz"[number % 26], incident["message_index"]
        kind = "leak" if incident["type"] in LEAKS else "attack"
        for start, end in incident["spans"]:
            spans.setdefault(index, []).append({"start": start, "end": end, "kind": kind, "mark": mark})
        for start, end in incident.get("reply_spans", ()):
            given = {"start": start, "end": end, "kind": "leak", "mark": mark}
            spans.setdefault(incident["reply_index"], []).append(given)
        tone = {"succeeded": "bad", "unclear": "wait"}.get(incident["outcome"], "")
        title = f"{say(incident['type'])}, {incident['outcome']}"
        note = {"mark": mark, "tone": tone, "title": title, "text": incident["explanation"]}
        notes.setdefault(index, []).append(note)
    for pattern in quality.get("found") or []:
        note = {"mark": "", "tone": "quality", "title": say(pattern["name"]), "text": pattern.get("explanation", "")}
        notes.setdefault(pattern["message_index"], []).append(note)
    turns, before = [], None
    for index, message in enumerate(found.messages[:_MOST_TURNS]):
        replied = message.role == "assistant" and before is not None and before.role == "user"
        turns.append(
            {
                "anchor": f"m{index + 1}",
                "index": index + 1,
                "role": message.role,
                "who": _WHO.get(message.role, message.role),
                "sent_at": message.sent_at,
                "reply_s": (message.sent_at - before.sent_at).total_seconds() if replied and before else None,
                "content": message.content,
                "spans": spans.get(index, []),
                "notes": notes.get(index, []),
            }
        )
        before = message
    return turns


@require_safe
@portal_page(READERS, in_tenant=False)
def conversations_file(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    """Stream the conversations of a list as CSV."""
    try:
        filters = parse_filters(request.GET, application_id=access.application_id)
    except BadFilter as error:
        raise BadRequest(str(error)) from error
    asked = {name: request.GET[name] for name in NAMES if request.GET.get(name)}
    note_export(organization=access.organization, at=access.now, actor=access.actor, filters=asked)
    return csv_response(conversations_csv(filters, organization_id=access.organization.id))


def csv_response(lines: Iterator[str], name: str = "conversations") -> StreamingHttpResponse:
    """Return an answer that streams lines as a CSV file."""
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
