"""The wheel's pages: its turns, one turn, and the configuration of an application."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.cycles import selectors
from apps.cycles.loop import WHEEL
from apps.cycles.models import Cycle, StageRun
from apps.cycles.services import configuring, turning
from apps.improvements.services.proposing import NO_PROMPT
from apps.insights.web.words import write, write_interval
from apps.organizations import selectors as organizations
from apps.organizations.models import Application
from apps.organizations.web.access import ADMINISTRATORS, WORKERS, Access, page_url, portal_page
from apps.organizations.web.paging import cut_page, read_before
from apps.platform.documents import LONGEST, BadDocument
from apps.platform.templatetags.figures import days

_PAGE = 30
_EXAMPLE = """\
schedule: "daily at 2:00 AM"
stages:
  analyze:
    evaluations: [security-analysis, quality-assessment, business-intelligence, performance-analysis]
    sample: 100%
  insights:
    thresholds: {security_risk_score: 7, quality_score: 6, security_incidents: 5}
  improve:
    triggers: ["successful_attacks > 0", "escalation_rate > 20%", "upsell_rate < 20%"]
    cooldown: 7 days
  deploy:
    rollout_percentage: 10
  measure:
    metrics: [block_rate_improvement, quality_score_delta, revenue_impact, business_outcomes]
"""


class ConfigurationForm(forms.Form):
    """A configuration as written."""

    text = forms.CharField(
        label="flywheel-config.yaml", max_length=LONGEST, required=False, strip=False,
        widget=forms.Textarea(attrs={"rows": 22, "spellcheck": "false", "class": "fw-mono"}),
        help_text="Every key is optional. Times are in the organization's zone.",
    )  # fmt: skip


class StartForm(forms.Form):
    """Whose wheel to turn, and over what."""

    application = forms.ChoiceField()
    since = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: where its last turn ended; the first turn looks at the newest month captured.",
    )  # fmt: skip

    def __init__(self, *arguments: Any, applications: list[tuple[str, str]], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["application"].choices = applications  # type: ignore[attr-defined]


@portal_page()
def cycle_list(request: HttpRequest, access: Access) -> HttpResponse:
    """List turns of the wheel, newest first; who works with the data starts one."""
    before = read_before(request)
    applications = organizations.list_applications()
    choices = [(each.slug, each.name) for each in applications]
    form = StartForm(request.POST or None, applications=choices) if access.may(WORKERS) and choices else None
    if request.method == "POST":
        access.require(WORKERS)
        if form is not None and form.is_valid() and (started := _start(form, access)) is not None:
            return redirect("cycle", cycle_id=started.public_id)
    found = selectors.list_cycles(application_id=access.application_id, before=before, limit=_PAGE + 1)
    page, pager = cut_page(found, _PAGE, "cycles", access, before=before)
    stages = selectors.stages_of(page)
    context = {
        "rows": [_row(each, stages[each.id]) for each in page],
        "page": pager,
        "configurations": _configurations(applications) if access.may(ADMINISTRATORS) else [],
        "empty": {
            "title": "The wheel has not turned yet",
            "text": "Save an application's configuration, and its wheel turns by itself at every slot; or start one "
            "turn by hand: the first looks at the newest month that was captured.",
        },
        "form": form,
        "start_url": reverse("cycles"),
    }
    status = 422 if form is not None and form.errors else 200
    return TemplateResponse(request, "portal/cycles.html", context, status=status)


@require_safe
@portal_page()
def cycle(request: HttpRequest, access: Access, cycle_id: str) -> HttpResponse:
    """Show one turn: what each stage did, what it waits for, what was unexpected, what comes next."""
    found = _find(cycle_id)
    stages = selectors.stages_of([found])[found.id]
    told = [_stage(name, stages.get(name)) for name in WHEEL]
    failed = found.status == Cycle.Status.FAILED
    context = {
        "title": f"Turn of {days(found.since, found.until)}",
        "cycle": _row(found, stages) | {"version": found.config_version, "finished_at": found.finished_at},
        "stages": told,
        "unexpected": [words for stage in told for words in stage["unexpected"]],
        "findings": _found(stages.get("insights"), access.organization.currency),
        "proposals": _proposals(stages.get("improve")),
        "refresh_url": page_url("cycle", access, cycle_id) if found.status == Cycle.Status.RUNNING else None,
        "measured": _measured(stages.get("measure"), access.organization.currency),
        "next_at": selectors.next_turn(found.application),
        "config_url": reverse("cycle_config", args=[found.application.slug]) if access.may(ADMINISTRATORS) else None,
        "retry_url": reverse("retry_cycle", args=[found.public_id]) if failed and access.may(WORKERS) else None,
        "crumbs": [{"label": "Cycles", "url": page_url("cycles", access)}],
    }
    return TemplateResponse(request, "portal/cycle.html", context)


@require_POST
@portal_page(WORKERS)
def retry(request: HttpRequest, access: Access, cycle_id: str) -> HttpResponse:
    """Go on with the stage that failed."""
    _find(cycle_id)
    turning.retry_cycle(organization_id=access.organization.id, cycle_id=cycle_id, at=access.now, actor=access.actor)
    return redirect("cycle", cycle_id=cycle_id)


@portal_page(ADMINISTRATORS)
def configuration(request: HttpRequest, access: Access, slug: str) -> HttpResponse:
    """Edit an application's configuration; every fault is told with its line, and nothing is saved then."""
    application = organizations.find_application(slug)
    if application is None:
        raise Http404("There is no such application.")
    written = selectors.written_configuration(application)
    form = ConfigurationForm(request.POST or None, initial={"text": written.text if written else _EXAMPLE})
    if request.method == "POST" and form.is_valid() and _save(form, application, access):
        return redirect("cycle_config", slug=slug)
    following = selectors.next_turn(application)
    context = {
        "title": f"The wheel of {application.name}",
        "lede": f"Version {written.version}, saved by {written.saved_by}. The wheel turns next at "
        f"{following:%Y-%m-%d %H:%M} UTC." if written and following else
        "Nothing is saved yet, so nothing is scheduled. Below is an example to begin with.",
        "form": form,
        "action": reverse("cycle_config", args=[slug]),
        "submit": "Save and schedule",
        "notes": [],
        "crumbs": [{"label": "Cycles", "url": page_url("cycles", access)}],
        "back_url": page_url("cycles", access),
    }  # fmt: skip
    return TemplateResponse(request, "portal/form_page.html", context, status=422 if form.errors else 200)


def _configurations(applications: Sequence[Application]) -> list[dict[str, Any]]:
    """Return each application's: when its wheel turns next, where it is saved."""
    following = selectors.next_turns()
    return [
        {"name": each.name, "url": reverse("cycle_config", args=[each.slug]), "next_at": following.get(each.id)}
        for each in applications
    ]


def _save(form: ConfigurationForm, application: Application, access: Access) -> bool:
    try:
        configuring.save_configuration(
            organization=access.organization, application=application, at=access.now, actor=access.actor,
            text=form.cleaned_data["text"].replace("\r\n", "\n"),
        )  # fmt: skip
    except BadDocument as error:
        for fault in error.faults:
            form.add_error("text", str(fault))
        return False
    return True


def _start(form: StartForm, access: Access) -> Cycle | None:
    application = organizations.find_application(form.cleaned_data["application"])
    if application is None:
        raise Http404("There is no such application.")
    since = form.cleaned_data["since"]
    try:
        return turning.start_cycle(
            organization=access.organization, application=application, at=access.now, slot=access.now,
            since=datetime.combine(since, time(), UTC) if since else None, started_by=access.actor,
        )  # fmt: skip
    except turning.BadPeriod as error:
        form.add_error("since", str(error))
        return None


def _find(cycle_id: str) -> Cycle:
    found = selectors.find_cycle(cycle_id)
    if found is None:
        raise Http404("There is no such cycle.")
    return found


def _row(found: Cycle, stages: dict[str, StageRun]) -> dict[str, Any]:
    done = sum(record.status == StageRun.Status.DONE for record in stages.values())
    return {
        "id": found.public_id,
        "url": reverse("cycle", args=[found.public_id]),
        "application": found.application.name,
        "status": found.status,
        "since": found.since,
        "until": found.until,
        "days": days(found.since, found.until),
        "started_by": found.started_by,
        "started_at": found.started_at,
        "done": done,
        "total": len(WHEEL),
        "unexpected": sum(len(record.unexpected) for record in stages.values()),
    }


def _stage(name: str, record: StageRun | None) -> dict[str, Any]:
    if record is None:
        return {"name": name, "status": "pending", "words": "", "unexpected": [], "seconds": None}
    return {
        "name": name,
        "status": record.status,
        "words": record.did or record.waits_for,
        "unexpected": record.unexpected,
        "seconds": record.seconds,
    }


def _found(record: StageRun | None, currency: str) -> list[dict[str, Any]]:
    findings = record.figures.get("findings", []) if record else []
    return [
        {
            "title": found["title"],
            "kind": found["kind"],
            "severity": found["severity"],
            "value": write(found["value"], found["unit"], currency, kind=found["kind"]),
            "interval": write_interval(found["interval"], found["unit"], currency, kind=found["kind"]),
            "n": found["n"],
            "url": reverse("insight", args=[found["insight"]]) if "insight" in found else None,
        }
        for found in findings
    ]


def _proposals(record: StageRun | None) -> dict[str, Any]:
    """Return what was proposed, and of what was not, why; ``needs_prompt`` where the library held none to improve."""
    figures = record.figures if record else {}
    passed = [each.partition(": ") for each in figures.get("passed_over", [])]
    return {
        "made": [
            {"title": each["title"], "why": each["why"], "url": reverse("improvement", args=[each["id"]])}
            for each in figures.get("proposed", [])
        ],
        "passed_over": [{"key": key.replace("-", " "), "reason": reason} for key, _, reason in passed],
        "needs_prompt": any(reason == NO_PROMPT for _, _, reason in passed),
    }


def _measured(record: StageRun | None, currency: str) -> list[dict[str, Any]]:
    metrics = record.figures.get("metrics", {}) if record else {}
    return [
        {
            "name": name.replace("_", " "),
            "value": write(found["value"], found["unit"], currency),
            "baseline": write(found["baseline"], found["unit"], currency),
            "unit": "" if found["unit"] in {"fraction", "money"} else found["unit"],
            "n": found["n"],
        }
        for name, found in metrics.items()
    ]
