"""Experiments and rollouts: what runs, what it shows so far, what it waits for; stopped and approved by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.models import Experiment
from apps.experiments.selectors import experiments as selectors
from apps.experiments.selectors.sequence import read_sequence
from apps.experiments.services import lifecycle
from apps.experiments.web.sequence import MOST_POINTS, draw_sequence
from apps.organizations.web.access import WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before
from apps.organizations.web.tabs import read_state, state_tabs
from apps.organizations.web.views import show_views
from apps.platform.templatetags.figures import number, percent, points, signed

_PAGE = 30
State = Experiment.State
# What a person may do in which state, the most likely first. The words stand on the button.
_ACTIONS: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "approve": (("Promote the winner", "primary", (State.AWAITING_APPROVAL,)),),
    "start": (
        ("Start", "primary", (State.DRAFT,)),
        ("Go on", "primary", (State.PAUSED,)),
        ("Start a new phase", "primary", (State.INVALID,)),
    ),
    "advance": (("Approve the next step", "plain", (State.RUNNING,)),),
    "pause": (("Pause", "plain", (State.RUNNING,)),),
    "roll_back": (("Roll back", "stop", (State.RUNNING, State.PAUSED, State.INVALID, State.AWAITING_APPROVAL)),),
}
# What changes what everybody is served is asked twice, and for a reason.
_CONFIRM = {
    "approve": "Everybody is served the winner from now on. The decision is kept with your name.",
    "roll_back": "Everybody is served the previous version again within a second. The experiment ends; its data stay.",
}
_ACTS: dict[str, Callable[..., Experiment]] = {
    "approve": lifecycle.approve,
    "start": lifecycle.start,
    "advance": lifecycle.advance,
    "pause": lifecycle.pause,
    "roll_back": lifecycle.roll_back,
}


@require_safe
@portal_page()
def experiment_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List experiments and rollouts, newest first."""
    before = read_before(request)
    state = read_state(request, State.values)
    found = selectors.list_experiments(before=before, limit=_PAGE + 1, state=state)
    page, pager = cut_page(found, _PAGE, "experiments", access, before=before, state=state)
    context = {
        "tabs": state_tabs("experiments", access, State.values, state),
        "saved": show_views("experiments", access, {"state": state}),
        "rows": [_row(each) for each in page],
        "page": pager,
        "false_promotions": _false_promotions(access),
        "plan_url": page_url("plan_experiment", access) if access.may(WORKERS) else None,
        "empty": {"title": f"Nothing is {state.replace('_', ' ')}", "text": "Look at another state, or at all of them."}
        if state
        else {
            "title": "Nothing is being tried",
            "text": "An approved improvement becomes an experiment here; or plan one, or POST /api/v1/experiments.",
        },
    }
    return TemplateResponse(request, "portal/experiments.html", context)


@require_safe
@portal_page()
def experiment(request: HttpRequest, access: Access, experiment_id: str) -> HttpResponse:
    """Show one: its arms, what differs with its interval, the sample ratio, guardrails, steps, every decision."""
    found = _find(experiment_id)
    last = selectors.newest_snapshot(found)
    results = selectors.results_as_seen(found, last) if last else selectors.results_of(found, at=access.now, seen={})
    plan = found.plan
    context = {
        "experiment": _row(found)
        | {
            "hypothesis": found.hypothesis, "reason": found.reason, "needs": found.needs, "looked_at": found.looked_at,
            "alpha": plan["alpha"], "planned_n": plan["planned_n"], "unit": plan["unit"], "min_days": plan["min_days"],
            "prompt_url": reverse("prompt", args=[found.prompt.name]),
        },
        "arms": [_arm(each, results["metric"]) for each in results["variants"]],
        "comparisons": [_comparison(each, results["metric"]) for each in results["comparisons"]],
        "adjusted": [
            _adjusted(each, results["metric"]) for each in results["comparisons"] if each.get("adjusted")
        ],
        "sequence": draw_sequence(read_sequence(last, most=MOST_POINTS), results["metric"]),
        "ratio": results["sample_ratio"],
        "guardrails": [_guardrail(each) for each in results["guardrails"]],
        # Results frozen before these were counted do not have them.
        "criteria": results.get("criteria", []),
        "issues": results.get("security_issues"),
        "steps": [
            {**step, "number": place + 1, "reached": place <= found.step and found.started_at is not None}
            for place, step in enumerate(plan["steps"])
        ],
        "decisions": selectors.decisions_of(found),
        "actions": _actions(found) if access.may(WORKERS) else [],
        "crumbs": [{"label": "Experiments", "url": page_url("experiments", access)}],
    }  # fmt: skip
    return TemplateResponse(request, "portal/experiment.html", context)


@require_POST
@portal_page(WORKERS)
def act(request: HttpRequest, access: Access, experiment_id: str, action: str) -> HttpResponse:
    """Do what a button says; say why not where the state has moved on meanwhile."""
    found = _find(experiment_id)
    if action not in _ACTS:
        raise Http404("There is no such action.")
    try:
        said = {"reason": request.POST.get("reason", "")[:500]} if action in _CONFIRM else {}
        _ACTS[action](experiment_id=found.id, at=access.now, actor=access.actor, **said)
    except lifecycle.NotNow as error:
        messages.error(request, str(error))
    return redirect("experiment", experiment_id=experiment_id)


def _false_promotions(access: Access) -> dict[str, Any] | None:
    expected, experiments = selectors.expected_false_promotions(at=access.now)
    return {"expected": number(expected, 2), "experiments": experiments} if experiments else None


def running_rows(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Return rows of what runs, each with its first difference as the last tick saw it."""
    seen = selectors.last_seen(experiments)
    rows = []
    for each in experiments:
        figures = seen.get(each.id, {})
        metric = figures.get("metric")
        first = next(iter(figures.get("comparisons", ())), None)
        step = each.plan["steps"][each.step]["percent"] if each.plan["steps"] else None
        rows.append(
            _row(each)
            | {
                "share": step,
                "units": sum(arm["units"] for arm in figures.get("variants", ())),
                "comparison": _comparison(first, metric) if first else None,
            }
        )
    return rows


def written(value: float | None, metric: str | None) -> str:
    """Write a mean or rate in its metric's own unit; empty where it is not known."""
    if value is None:
        return ""
    unit = REGISTRY[metric].unit if metric in REGISTRY else ""
    return percent(value, 1) if unit == "fraction" else number(value, 2)


def written_change(value: float | None, metric: str | None) -> str:
    """Write a difference: rates in points, everything else in its unit."""
    if value is None:
        return ""
    unit = REGISTRY[metric].unit if metric in REGISTRY else ""
    return points(value) if unit == "fraction" else signed(value, 2)


def written_interval(bounds: Sequence[float] | None, metric: str | None) -> list[str]:
    """Write the interval of a difference, in the measure of ``written_change``, whose unit stands there already."""
    unit = REGISTRY[metric].unit if metric in REGISTRY else ""
    return [signed(bound * 100, 1) if unit == "fraction" else signed(bound, 2) for bound in bounds or ()]


def _find(experiment_id: str) -> Experiment:
    found = selectors.find_experiment(experiment_id)
    if found is None:
        raise Http404("There is no such experiment.")
    return found


def _row(found: Experiment) -> dict[str, Any]:
    control, *others = found.plan["variants"]
    return {
        "id": found.public_id,
        "url": reverse("experiment", args=[found.public_id]),
        "name": found.name,
        "kind": found.kind,
        "prompt": found.prompt.name,
        "change": f"version {control['version']} → {', '.join(str(each['version']) for each in others)}",
        "metric": (found.plan["metric"] or "harm only").replace("_", " "),
        "state": found.state,
        "waits": found.needs or found.reason,
        "started_at": found.started_at,
        "ended_at": found.ended_at,
    }


def _arm(arm: dict[str, Any], metric: str | None) -> dict[str, Any]:
    return {**arm, "mean": written(arm["mean"], metric)}


def _comparison(each: dict[str, Any], metric: str | None) -> dict[str, Any]:
    return {
        "variant": each["variant"],
        "difference": written_change(each["difference"], metric),
        "interval": written_interval(each["interval"], metric),
        "p_value": each["p_value"],
        "chance": percent(each["chance_to_win"], 0) if each["chance_to_win"] is not None else "",
        "verdict": each["verdict"],
        "insufficient": each["insufficient"],
    }


def _adjusted(each: dict[str, Any], metric: str | None) -> dict[str, Any]:
    adjusted = each["adjusted"]
    return {
        "variant": each["variant"],
        "without": _comparison(each, metric),
        "difference": written_change(adjusted["difference"], metric),
        "interval": written_interval(adjusted["interval"], metric),
        "p_value": adjusted["p_value"],
        "less_noise": percent(adjusted["variance_reduction"], 0),
        "known": percent(adjusted["known"], 0),
    }


def _guardrail(each: dict[str, Any]) -> dict[str, Any]:
    return {
        "metric": each["metric"].replace("_", " "),
        "role": each["role"].replace("_", " "),
        "margin": written_change(each["margin"], each["metric"]),
        "means": [written(mean, each["metric"]) for mean in each["means"]],
        "comparisons": [_comparison(one, each["metric"]) for one in each["comparisons"]],
    }


def _actions(found: Experiment) -> list[dict[str, str]]:
    told = []
    for action, choices in _ACTIONS.items():
        if action == "advance" and (not found.plan["steps"] or found.step_approved):
            continue
        for words, kind, states in choices:
            if found.state in states:
                url = reverse("act_on_experiment", args=[found.public_id, action])
                told.append({"words": words, "kind": kind, "url": url, "confirm": _CONFIRM.get(action, "")})
    return told
