"""One insight: what was found, since when, on which conversations, and what was proposed against it."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.evaluations.domain.registry import REGISTRY
from apps.improvements.selectors import answers_to, prompt_for
from apps.insights.models import Insight
from apps.insights.selectors import insights as selectors
from apps.insights.web.insights import find, row
from apps.insights.web.words import write, write_figures
from apps.organizations.models import Membership
from apps.organizations.web.access import WORKERS, Access, page_url, portal_page
from apps.platform.templatetags.figures import percent

_SHOWN = 12


@require_safe
@portal_page()
def insight(request: HttpRequest, access: Access, insight_id: str) -> HttpResponse:
    """Show one insight."""
    found = find(insight_id)
    evidence = selectors.evidence_of(found)
    currency = access.organization.currency
    may = access.may(WORKERS)
    context = {
        "insight": row(found, access)
        | {
            "key": found.key, "until": found.until, "course": found.course, "metric": found.metric.replace("_", " "),
            "acknowledged_by": found.acknowledged_by, "acknowledged_at": found.acknowledged_at,
        },
        "figures": _figures(found, access),
        "rows_url": _rows_url(found, access),
        "sightings": [
            {
                "since": each.since, "until": each.until, "severity": each.severity, "statement": each.statement,
                "cycle_url": reverse("cycle", args=[each.cycle_id]) if each.cycle_id else None,
                **write_figures(each.figures, found.kind, currency),
            }
            for each in selectors.sightings_of(found)
        ],
        "evidence": [
            {
                "session_id": each.conversation.session_id, "started_at": each.conversation.started_at,
                "agent": each.conversation.agent,
                "url": page_url("conversation", access, each.conversation_id),
            }
            for each in evidence[:_SHOWN]
        ],
        "evidence_n": len(evidence),
        "proposed": [
            {
                "title": each.title, "url": reverse("improvement", args=[each.public_id]), "state": each.state,
                "prompt": each.prompt.name, "at": each.proposed_at,
            }
            for each in answers_to(found.id)
        ],
        "test": _test(found, access),
        "comments": selectors.comments_of(found),
        "earlier": [
            {"url": reverse("insight", args=[each.public_id]), "since": each.since, "resolved_at": each.resolved_at}
            for each in selectors.earlier_stories(found)
        ],
        "teams": [(value, value == found.team) for value in Membership.Team.values],
        "acknowledge_url": reverse("acknowledge_insight", args=[insight_id])
        if may and found.state == Insight.State.OPEN
        else None,
        "assign_url": reverse("assign_insight", args=[insight_id])
        if may and found.state in Insight.LIVE
        else None,
        "comment_url": reverse("comment_on_insight", args=[insight_id]) if may else None,
        "crumbs": [{"label": "Insights", "url": page_url("insights", access)}, {"label": found.application.name}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/insight.html", context)


def _rows_url(found: Insight, access: Access) -> str | None:
    if not found.rows:
        return None
    named = {
        "application": found.application.slug, "since": found.newest_since.isoformat(),
        "until": found.until.isoformat(),
    }  # fmt: skip
    return page_url("conversations", access, **named | found.rows)


def _figures(found: Insight, access: Access) -> list[dict[str, Any]]:
    figures, currency = found.figures, access.organization.currency
    told = write_figures(figures, found.kind, currency)
    counts = f" {told['n_counts']}" if told["n_counts"] else ""
    interval = f"95 %: [{', '.join(told['interval'])}]" if told["interval"] else "no interval: it is a count or a day"
    strip = [
        {"label": "What it is now", "value": told["value"] or None, "of": f"n {figures['n']:,}{counts}",
         "thin": 0 < figures["n"] < 30, "note": interval, "rows": _rows_url(found, access)},
    ]  # fmt: skip
    if share := figures["detail"].get("share"):
        pair = figures["detail"].get("share_interval")
        strip.append(
            {"label": "Share", "kind": "percent", "value": share, "digits": 1, "interval": pair, "n": figures["n"]}
        )
    if told["limit"]:
        strip.append({"label": "The line", "value": told["limit"], "of": "as the configuration draws it"})
    if told["before"]:
        words = {"driver": "Without it", "anomaly": "Expected", "degradation": "Its level before"}
        strip.append({"label": words.get(found.kind, "The period before"), "value": told["before"]})
    for name, label in (("with", "With it"), ("without", "Without it")):
        if found.kind == "driver" and name == "with":
            side = figures["detail"][name]
            strip.append(
                {"label": label, "value": write(side["rate"], "fraction", currency), "of": f"n {side['n']:,}"}
            )  # fmt: skip
    strip += [
        {"label": f"Carried by {each['dimension'].replace('_', ' ')}", "value": each["level"], "thin": False,
         "of": f"n {each['n_since']:,}, {percent(min(1.0, each['share']))} of the change"}
        for each in figures["detail"].get("carried_by", ())
    ]  # fmt: skip
    strip.append({"label": "Periods", "value": found.times_seen, "thin": False, "of": "it was seen in"})
    return strip


def _test(found: Insight, access: Access) -> dict[str, Any] | None:
    """Return how to make a driver an A/B test: what it would take, and the call that makes the draft."""
    detail = found.figures["detail"]
    if found.kind != "driver" or not detail.get("testable"):
        return None
    prompt = prompt_for("offers" if found.metric == "upsell_rate" else "")
    days = detail.get("test_days")
    return {
        "association": detail["association"],
        "days": days,
        "prompt_url": reverse("prompt", args=[prompt.name]) if prompt else None,
        "prompt": prompt.name if prompt else "",
        "code": _call(found, prompt.name) if prompt and access.may(WORKERS) else None,
    }


def _call(found: Insight, prompt: str) -> str:
    plan = {
        "name": found.statement[:200],
        "prompt": prompt,
        "unit": "user",
        "variants": [{"key": "control", "version": 1, "weight": 1}, {"key": "treatment", "version": 2, "weight": 1}],
        "metric": found.metric,
        "direction": REGISTRY[found.metric].direction,
        "minimum_detectable_effect": round(abs(found.figures["value"]), 3),
        "approval": "one",
    }
    # The statement names what logs call a version or a model: to the shell it is one quoted word.
    return "\n".join(
        [
            f"curl {settings.SITE_URL}/api/v1/experiments \\",
            "  -H 'Authorization: Bearer fw_live_…' -H 'Content-Type: application/json' \\",
            f"  --data {shlex.quote(json.dumps(plan, ensure_ascii=False))}",
        ]
    )
