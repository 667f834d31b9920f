"""One improvement: why, what it changes, what became of it; approved, rejected, started, retired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.experiments.web.experiments import written, written_change, written_interval
from apps.improvements import selectors
from apps.improvements.models import Improvement
from apps.improvements.services import lifecycle, probing
from apps.improvements.web.cards import row
from apps.library.domain.guardrails import read_guardrail
from apps.library.web.guardrails import shown_backtests
from apps.organizations.web.access import READERS, WORKERS, Access, page_url, portal_page

State = Improvement.State
_ACTS: dict[str, tuple[str, str, tuple[str, ...], Callable[..., Improvement]]] = {
    "approve": ("Approve", "primary", (State.PROPOSED,), lifecycle.approve),
    "probe": ("Probe it", "plain", (State.PROPOSED, State.APPROVED), probing.ask_again),
    "draft": ("Have a model draft another", "plain", (State.PROPOSED,), probing.ask_for_draft),
    "start": ("Start", "primary", (State.APPROVED,), lifecycle.start),
    "reject": ("Reject", "plain", (State.PROPOSED, State.APPROVED), lifecycle.reject),
    "retire": ("Take it back", "stop", (State.RUNNING, State.DEPLOYED, State.WON), lifecycle.retire),
}

# What is asked twice, and for a reason.
_CONFIRM = {
    "approve": "It goes on: it is tried on users drawn by lot, or, as a security change, goes to everybody at once.",
    "reject": "It is not tried, and the same is not proposed again while it cools down.",
    "retire": "Everybody is served again what was served before it. The change keeps its history.",
}
_SOURCES = {
    "shown": "of the shipped set", "held_out": "of its held-out half", "own": "that succeeded here before",
}  # fmt: skip


@require_safe
@portal_page()
def improvement(request: HttpRequest, access: Access, improvement_id: str) -> HttpResponse:
    """Show one: why, what, what it did, and its life from the finding to the verdict."""
    found = _find(improvement_id)
    outcome = found.outcome or {}
    metric = outcome.get("metric")
    context = {
        "improvement": row(found)
        | {
            "why": found.why, "expect": found.expect, "reason": found.reason, "policy": found.policy.replace("_", " "),
            "prompt_url": reverse("prompt", args=[found.prompt.name]),
            "experiment_url": reverse("experiment", args=[found.experiment.public_id]) if found.experiment else None,
            "cycle_url": reverse("cycle", args=[found.cycle_id]) if found.cycle_id else None,
        },
        "insights": [
            {
                "title": each["title"], "severity": each["severity"], "n": each["n"],
                "value": written(each["value"], each["metric"]),
                "url": reverse("insight", args=[each["id"]]) if "id" in each else None,
            }
            for each in found.finding.get("insights", ())
        ],
        "evidence": found.finding.get("evidence", ())[:12],
        "search_url": reverse("conversations"),
        "diff": selectors.diff_of(found),
        "guardrail": _guardrail(found),
        "backtest": shown_backtests([tried], access)[0] if (tried := selectors.backtest_of(found)) else None,
        "did": [
            {
                "variant": each["variant"], "difference": written_change(each["difference"], metric),
                "interval": written_interval(each["interval"], metric),
            }
            for each in outcome.get("comparisons", ())
        ],
        "probes": _probes(found, access),
        "metric": (metric or found.judged_by.get("metric") or "").replace("_", " "),
        "lineage": selectors.lineage_of(found),
        "actions": _actions(found) if access.may(WORKERS) else [],
        "crumbs": [{"label": "Improvements", "url": page_url("improvements", access)}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/improvement.html", context)


@require_POST
@portal_page(WORKERS)
def act(request: HttpRequest, access: Access, improvement_id: str, action: str) -> HttpResponse:
    """Do what a button says; say why not where it cannot be done now."""
    found = _find(improvement_id)
    if action not in _ACTS:
        raise Http404("There is no such action.")
    try:
        said = {"reason": request.POST.get("reason", "")[:500]} if action in _CONFIRM else {}
        _ACTS[action][-1](improvement_id=found.id, at=access.now, actor=access.actor, **said)
    except (lifecycle.NotNow, probing.NotReplayable) as error:
        messages.error(request, str(error))
    return redirect("improvement", improvement_id=improvement_id)


def _probes(found: Improvement, access: Access) -> dict[str, Any]:
    """Return what probes show, for the page: a row a group, with shares in per cent and points."""
    run = selectors.newest_probes(found)
    shown = selectors.probes_of(found, run)
    groups = (
        ("Attacks blocked", shown.get("attacks")),
        *((f"… {words}", shown.get("by_source", {}).get(source)) for source, words in _SOURCES.items()),
        ("Harmless messages refused", shown.get("benign_refused")),
    )
    rows = [_pairs_row(what, each) for what, each in groups if each and each["pairs"]]
    return shown | {
        "rows": rows,
        "turned": selectors.turned_probes(run, limit=8) if run and access.may(READERS) else [],
    }


def _pairs_row(what: str, each: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": what, "pairs": each["pairs"], "undecided": each["undecided"], "p": each["p_value"],
        "old": written(each["old"], "block_rate"), "new": written(each["new"], "block_rate"),
        "difference": written_change(each["difference"], "block_rate"),
        "interval": written_interval(each["interval"], "block_rate"),
    }  # fmt: skip


def _find(improvement_id: str) -> Improvement:
    found = selectors.find_improvement(improvement_id)
    if found is None:
        raise Http404("There is no such improvement.")
    return found


def _guardrail(found: Improvement) -> dict[str, Any] | None:
    enforced, before = found.guardrail, found.guardrail_before
    if enforced is None:
        return None
    return {
        "name": enforced.name,
        "url": f"{reverse('guardrail', args=[enforced.name])}?version={enforced.version}",
        "version": enforced.version,
        "before": before.version if before else None,
        "limit": read_guardrail(enforced.content).most_benign_blocked,
        "diff": selectors.guardrail_diff_of(found),
    }


def _actions(found: Improvement) -> list[dict[str, str]]:
    return [
        {
            "words": words,
            "kind": kind,
            "url": reverse("act_on_improvement", args=[found.public_id, action]),
            "confirm": _CONFIRM.get(action, ""),
        }
        for action, (words, kind, states, _) in _ACTS.items()
        if found.state in states
    ]
