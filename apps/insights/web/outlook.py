"""What is drifting and what is to be expected: the panels that the page Quality loads once it stands."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.evaluations.web.charts import reach
from apps.evaluations.web.files import answer
from apps.insights.domain.days import WARM_UP
from apps.insights.domain.forecasts import Forecast
from apps.insights.models import Insight
from apps.insights.selectors.insights import LIVE, Wanted, gravest
from apps.insights.selectors.outlook import Outlook, read_outlook
from apps.insights.web.words import write, write_figures
from apps.organizations.models import Application
from apps.organizations.web.access import Access, page_url, portal_page
from apps.platform.templatetags.figures import number, percent

_SHOWN_PAST = 42
_ALARMS = 10
_APPLICATIONS = 12
# Of intervals that say 95 % this much is forgiven before the page warns of them.
_HOLDS = 0.9
_METRICS = {
    "avg_quality_score": ("score-forecast", "Score", 1, ""),
    "escalation_rate": ("escalation-forecast", "Escalated", 100, "%"),
}
_TABLES = {
    "alarms": (
        "Drift of a daily mean against the application's own weekdays, by CUSUM and Shewhart charts of which at most "
        "a tenth alarm within 90 days in which nothing changed",
        ("metric", "application", "before", "since", "began", "alarmed_on", "carried"),
    )
}


@require_safe
@portal_page()
def quality_outlook(request: HttpRequest, access: Access) -> HttpResponseBase:
    """Answer the page Quality: alarms of drift that stand, and the next two weeks of score and escalation."""
    alarms = gravest(Wanted(application_id=access.application_id, state=LIVE, kind="degradation"), limit=_ALARMS)
    context: dict[str, Any] = {
        "alarms": [_alarm(each, access) for each in alarms],
        "insights_url": page_url("insights", access, kind="degradation"),
        "cycles_url": page_url("cycles", access),
        "warm_up": WARM_UP,
        "choices": [],
        "outlook": None,
    }
    application = access.application or (access.applications[0] if len(access.applications) == 1 else None)
    if application is None:
        context["choices"] = [_choice(each, access) for each in access.applications[:_APPLICATIONS]]
    else:
        found = read_outlook(application_id=application.id, at=access.now)
        context["outlook"] = _warming(found)
        for metric, (key, label, _, _) in _METRICS.items():
            context[key.replace("-", "_")] = _chart(found, metric)
            context.setdefault("forecasts", []).append(
                {"title": label, "chart": context[key.replace("-", "_")], "told": _told(found, metric)}
            )
    return answer(request, access, "portal/quality_outlook.html", context, name="quality_outlook", tables=_TABLES)


def _choice(application: Application, access: Access) -> dict[str, str]:
    return {"label": application.name, "url": page_url("quality", access, application=application.slug)}


def _alarm(found: Insight, access: Access) -> dict[str, Any]:
    told = write_figures(found.figures, found.kind, access.organization.currency)
    detail = found.figures["detail"]
    carriers = detail.get("carried_by", [])
    return {
        "url": page_url("insight", access, found.public_id),
        "metric": found.metric,
        "label": _METRICS[found.metric][1] if found.metric in _METRICS else found.metric.replace("_", " ").capitalize(),
        "application": found.application.name,
        "before": told["before"],
        "since": told["value"],
        "began": date.fromisoformat(detail["began"]),
        "alarmed_on": date.fromisoformat(detail["alarmed_on"]),
        "carriers": [
            {"what": f"{each['dimension'].replace('_', ' ')} {each['level']}", "share": each["share"]}
            for each in carriers
        ],
        "carried": "; ".join(f"{each['dimension']} {each['level']}: {each['share']:.2f}" for each in carriers),
    }


def _warming(found: Outlook) -> dict[str, Any]:
    """Return how much history there is, by the score where there are scores."""
    known = max(found.forecasts.values(), key=lambda each: each.days)
    return {
        "days": known.days,
        "missing": known.missing,
        "seen": WARM_UP - known.missing,
        "starts": found.until + timedelta(days=known.missing + 1),
    }


def _told(found: Outlook, metric: str) -> dict[str, Any]:
    """Return a forecast in words: what it expects, what its intervals were worth, or what it lacks."""
    said = found.forecasts[metric]
    if not said.ahead:
        return {"missing": said.missing, "starts": found.until + timedelta(days=said.missing + 1)}
    last = said.ahead[-1]
    unit = "fraction" if metric == "escalation_rate" else ""
    low, high = (write(value, unit, "") for value in (last.low, last.high))
    return {
        "expected": f"{write(last.value, unit, '')} on {last.day:%-d %b} [{low}, {high}]",
        "tried": said.tried,
        "tried_days": said.tried_days,
        "share": said.covered / said.tried if said.tried else None,
        "narrow": bool(said.tried) and said.covered / said.tried < _HOLDS,
    }


def _chart(found: Outlook, metric: str) -> dict[str, Any] | None:
    """Return the last six weeks and the next two as a line, dashed from today on, with the forecast's band."""
    key, label, factor, unit = _METRICS[metric]
    said: Forecast = found.forecasts[metric]
    past = list(found.history[metric])[-_SHOWN_PAST:]
    if not said.ahead:
        return None
    ahead = said.ahead
    days = [*(each.day for each in past), *(each.day for each in ahead)]
    nothing: list[float | None] = [None] * len(past)
    series: dict[str, Any] = {
        "name": label.lower(),
        "values": [
            round(factor * value, 3) for value in (*(each.mean for each in past), *(each.value for each in ahead))
        ],
        "lo": [*nothing, *(round(factor * each.low, 3) for each in ahead)],
        "hi": [*nothing, *(round(factor * each.high, 3) for each in ahead)],
        "n": [*(each.n for each in past), *(None for _ in ahead)],
        "tone": "accent",
        "end": label.lower(),
        "dashedFrom": len(past) - 1,
    }
    low, high = reach(series, 0, 10 * factor if metric == "avg_quality_score" else factor)
    written = [number, percent][metric == "escalation_rate"]
    return {
        "id": key,
        "kind": "line",
        "alt": f"{label}: {_told(found, metric)['expected']} is expected",
        "data": {
            "labels": [f"{day:%-d %b}" for day in days], "unit": unit, "min": low, "max": high, "series": [series],
            "marks": [{"at": len(past) - 0.5, "label": "today", "kind": "now"}],
        },
        "keys": [day.isoformat() for day in days],
        "columns": ["Day", label, "95 % from", "to"],
        "rows": [
            [f"{each.day:%a %-d %b}", *(written(value, 1) for value in (each.value, each.low, each.high))]
            for each in ahead
        ],
        "definition": f"{label}: the day's mean; from today on, what a weekday-adjusted level of the last eight weeks "
        "expects, and the interval that held 95 % of its past errors a week ahead and two",
    }  # fmt: skip
