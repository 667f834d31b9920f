"""The planner: what an experiment would take, worked out before it is made; then the draft itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.evaluations.domain.metrics import metrics
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.selectors import Filters, read_tally
from apps.experiments.domain.forecasting import forecast
from apps.experiments.domain.measures import MEASURES
from apps.experiments.domain.plans import BadPlan, GuardrailPlan, Plan, VariantPlan
from apps.experiments.selectors.measuring import BASELINE_DAYS, known_rates
from apps.experiments.services.planning import create_experiment, direction_of
from apps.library import selectors as library
from apps.library.models import Prompt
from apps.organizations.models import Application
from apps.organizations.selectors import list_applications
from apps.organizations.web.access import WORKERS, Access, page_url, portal_page
from apps.organizations.web.forms import FlatSelect
from apps.platform.templatetags.figures import number, percent, points

_MOST = 200
_GATES = (1, 2)
# What the form of the draft asks for itself.
_NAMED = ("name", "hypothesis")
_DEFAULTS = {"label": "production", "metric": "escalation_rate", "effect": "3", "alpha": "0.05", "power": "0.8"}
# A mean has no baseline of one number to work a size out from: its spread decides, and the rollups do not keep it.
_RATES = [key for key, each in MEASURES.items() if each.is_proportion and REGISTRY[key].unit == "fraction"]
_METRICS = [(key, key.replace("_", " ").capitalize()) for key in _RATES]
# Where on this page the fault of a plan's field is told.
_FIELDS = {
    "variants": "version", "minimum_detectable_effect": "effect", "guardrails": "margin_1", "label": "label",
    "metric": "metric", "alpha": "alpha", "power": "power",
}  # fmt: skip


def _amount(label: str, most: float, words: str = "", *, required: bool = True) -> forms.FloatField:
    attributes = {"step": "any"}
    return forms.FloatField(
        label=label, required=required, min_value=0, max_value=most, help_text=words,
        widget=forms.NumberInput(attrs=attributes),
    )  # fmt: skip


def _gate(label: str) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[("", "none"), *_METRICS], widget=FlatSelect)


class PlanForm(forms.Form):
    """A plan of two versions. Effects, margins and the baseline are in points and percent, as people say them."""

    application = forms.ChoiceField(required=False, help_text="Whose users are served: baseline and gates are theirs.")
    prompt = forms.ChoiceField(widget=FlatSelect)
    label = forms.ChoiceField(help_text="Control is the version it names now.")
    version = forms.TypedChoiceField(label="Treatment", coerce=int)
    metric = forms.ChoiceField(choices=_METRICS, label="Decided by", widget=FlatSelect)
    effect = _amount("Smallest effect, points", 100, "The least improvement worth seeing.")
    alpha = _amount("Alpha", 0.5)
    power = _amount("Power", 1)
    baseline = _amount("Baseline, %", 100, "Empty: as measured.", required=False)
    gate_1 = _gate("Guardrail gate")
    margin_1 = _amount("Its margin, points", 100, required=False)
    gate_2 = _gate("Second gate")
    margin_2 = _amount("Its margin, points", 100, required=False)
    name = forms.CharField(max_length=200, required=False, help_text="Empty: the prompt and the metric.")
    hypothesis = forms.CharField(max_length=2_000, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(
        self, asked: Mapping[str, Any], *, prompts: Sequence[Prompt], applications: Sequence[Application], strict: bool
    ) -> None:
        """Bind. Unless ``strict``, a choice that another choice took away falls back to the first there is."""
        given = _DEFAULTS | {name: asked[name] for name in self.base_fields if name in asked}
        self.chosen = next((each for each in prompts if each.name == given.get("prompt")), prompts[0])
        standing = {each.label: each.version.number for each in self.chosen.standing}  # type: ignore[attr-defined]
        labels = sorted(standing)
        label = given["label"] if given["label"] in standing else next(iter(labels), "")
        self.control: int | None = standing.get(label)
        latest: int = self.chosen.latest  # type: ignore[attr-defined]
        numbers = [each for each in range(latest, max(0, latest - _MOST), -1) if each != self.control]
        choices = {
            "application": [("", "all applications"), *((each.slug, each.name) for each in applications)],
            "prompt": [(each.name, each.name) for each in prompts],
            "label": [(each, f"{each}: version {standing[each]}") for each in labels],
            "version": [(str(each), f"version {each}") for each in numbers],
        }
        for name in ("prompt", "label", "version"):
            offered = [value for value, _ in choices[name]]
            if given.get(name) not in offered and offered and (not strict or name not in asked):
                given[name] = offered[0]
        super().__init__(given)
        for name, offers in choices.items():
            self.fields[name].choices = offers  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a gate without its margin."""
        given = super().clean() or {}
        for place in _GATES:
            if given.get(f"gate_{place}") and not given.get(f"margin_{place}"):
                self.add_error(f"margin_{place}", "A gate needs a margin above 0: nothing is ever proven equal.")
        return given

    def plan(self) -> Plan:
        """Return the plan, once the form is valid."""
        given = self.cleaned_data
        return Plan(
            variants=(VariantPlan("control", self.control or 0), VariantPlan("treatment", given["version"])),
            metric=given["metric"], direction=direction_of(given["metric"]),  # type: ignore[arg-type]
            guardrails=tuple(
                GuardrailPlan(
                    metric=given[f"gate_{place}"], margin=given[f"margin_{place}"] / 100, role="gate",
                    direction=direction_of(given[f"gate_{place}"]),  # type: ignore[arg-type]
                )
                for place in _GATES if given[f"gate_{place}"]
            ),
            alpha=given["alpha"], power=given["power"], minimum_detectable_effect=given["effect"] / 100,
        )  # fmt: skip


@portal_page()
def plan_experiment(request: HttpRequest, access: Access) -> HttpResponse:
    """Work out what an experiment takes; who may start one makes its draft."""
    posted = request.method == "POST"
    if posted:
        access.require(WORKERS)
    prompts = [each for each in library.list_prompts(after=None, limit=_MOST) if (each.latest or 0) > 1]  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        "crumbs": [{"label": "Experiments", "url": page_url("experiments", access)}],
        "may": access.may(WORKERS),
    }
    if not prompts:
        context["empty"] = {
            "title": "No prompt has two versions yet",
            "text": "An experiment compares two of them. Write a prompt in the library, then a second version.",
            "action": {"label": "Open the library", "url": page_url("prompts", access)},
        }
        return TemplateResponse(request, "portal/planner.html", context, status=422 if posted else 200)
    applications = list_applications()
    asked = request.POST if posted else request.GET
    form = PlanForm(asked, prompts=prompts, applications=applications, strict=posted)
    if form.control is None:
        words = f"No label names a version of {form.chosen.name}: label one in the library, there is no control."
        form.add_error("label", words)
    if form.is_valid():
        application = next((each for each in applications if each.slug == form.cleaned_data["application"]), None)
        worked = _work_out(form, application, access)
        context["worked"] = worked
        if posted and worked["planned"] and not form.errors:
            made = _create(form, worked["planned"], application, access)
            if made is not None:
                return redirect("experiment", experiment_id=made)
        if posted and worked["missing"]:
            form.add_error("baseline", "Type one: nothing was measured to plan from.")
    context["form"] = form
    context["kept"] = [(name, form.data[name]) for name in form.fields if name in form.data and name not in _NAMED]
    return TemplateResponse(request, "portal/planner.html", context, status=422 if posted else 200)


def _create(form: PlanForm, planned: int, application: Application | None, access: Access) -> str | None:
    given = form.cleaned_data
    try:
        return create_experiment(
            prompt=form.chosen, plan=replace(form.plan(), planned_n=planned), label=given["label"],
            name=given["name"] or f"{form.chosen.name}: {given['metric']}", hypothesis=given["hypothesis"],
            application=application, at=access.now, actor=access.actor,
        ).public_id  # fmt: skip
    except BadPlan as error:
        for field, words in error.faults:
            form.add_error(_FIELDS.get(field), f"{words[:1].upper()}{words[1:]}.")
        return None


def _work_out(form: PlanForm, application: Application | None, access: Access) -> dict[str, Any]:
    """Return the baseline, the volume and what the plan takes, in words; a fault of the numbers goes to its field."""
    plan, given = form.plan(), form.cleaned_data
    midnight = datetime.combine(access.now.astimezone(UTC).date(), time(), UTC)
    total = read_tally(
        Filters(
            application_id=application.id if application else None,
            since=midnight - timedelta(days=BASELINE_DAYS), until=midnight,
        )
    )  # fmt: skip
    found = metrics(total, sections=("security", "quality", "business"))
    metric = REGISTRY[given["metric"]]
    measured, n = metric.read(found), int(metric.units(found) or 0)
    typed = given["baseline"]
    baseline = typed / 100 if typed is not None else measured
    days = (total.last_day - total.first_day).days + 1 if total.first_day and total.last_day else 0
    # Who has no conversation that the metric speaks of never counts as a unit of it.
    share = min(1.0, n / total.conversations) if total.conversations else 0.0
    counted = found["users"] * share
    a_day = counted / days if days else 0.0
    told: dict[str, Any] = {
        "metric": metric.key.replace("_", " "), "missing": baseline is None, "n": n, "needs": metric.minimum_n,
        "days": BASELINE_DAYS, "planned": None, "where": application.name if application else "all applications",
    }  # fmt: skip
    volume = {
        "label": "Users a day", "value": a_day, "digits": 0 if a_day >= 10 else 1,
        "interval": [bound * share / days for bound in found["users_ci"]] if days else None,
        "note": f"whom this metric counts, over {days} days" if days else f"no traffic in {BASELINE_DAYS} days",
    }  # fmt: skip
    if baseline is None:
        return told
    # As the draft will be judged.
    rates = known_rates(
        application_id=application.id if application else None, metrics=[each.metric for each in plan.guardrails],
        at=access.now,
    )  # fmt: skip
    there_are = round(counted) or None
    try:
        needed = forecast(plan, baseline=baseline, rates=rates, there_are=there_are, units_a_day=a_day)
    except ValueError as error:
        field = "power" if "power" in str(error) else "alpha" if "alpha" in str(error) else "effect"
        field = field if 0 < baseline < 1 else "baseline"
        form.add_error(field, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return told
    figures = [
        {"label": f"Baseline, {told['metric']}", "kind": "percent", "value": baseline, "digits": 1}
        | ({"note": "as typed"} if typed is not None else {"interval": metric.interval(found), "n": n}),
        volume,
    ]
    return told | {
        "figures": figures, "planned": needed.planned, "minimum_days": plan.min_days,
        "sizes": [
            {"name": "One look, at a size fixed before", "n": needed.fixed, "days": needed.fixed_days},
            {"name": "Confidence sequence, any look", "n": needed.sequential, "days": needed.sequential_days},
        ],
        "change": f"{percent(baseline, 1)} → {_changed(plan, baseline)}",
        "short": _short(needed.planned, needed.seen) if needed.falls_short else "",
        "unreachable": needed.unreachable,
        "unknown_gates": [each.metric.replace("_", " ") for each in plan.guardrails if each.metric not in rates],
    }  # fmt: skip


def _changed(plan: Plan, baseline: float) -> str:
    effect = plan.minimum_detectable_effect or 0.0
    return percent(baseline + (effect if plan.direction == "increase" else -effect), 1)


def _short(planned: int, seen: float | None) -> str:
    least = "no difference at all" if seen is None else f"{points(seen).lstrip('+')} or more"
    return (
        f"The last {BASELINE_DAYS} days had too few users for this effect. "
        f"The draft is planned for {number(planned)} over both arms, which show {least}."
    )
