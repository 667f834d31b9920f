"""Home: the wheel with the state and last figure of each stage, what waits for the reader, what turns compounded to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from apps.cycles import selectors as cycles
from apps.cycles.web import onboarding
from apps.cycles.web.compounded import compounded_figures
from apps.cycles.web.wheel import Turning, show_waits, show_wheel
from apps.evaluations import selectors
from apps.evaluations.web.figures import BY_TEAM
from apps.evaluations.web.periods import describe, filters_of, read_period
from apps.experiments.models import Experiment
from apps.experiments.selectors.experiments import list_open
from apps.experiments.web.experiments import running_rows
from apps.improvements.selectors import list_open_improvements
from apps.ingestion.selectors import list_batches
from apps.insights.models import Insight
from apps.insights.selectors.insights import Wanted, gravest
from apps.insights.web.insights import open_insights
from apps.organizations.web.access import Access, page_url, portal_page

_ROWS = 5
_MISSING_TURNS = (
    "No turn of the wheel has finished. Save a configuration, and each turn adds a point here.",
    "One turn has finished. From the second on, this shows what changed from turn to turn.",
)


@require_safe
@portal_page()
def home(request: HttpRequest, access: Access) -> HttpResponse:
    """Show the wheel, or how to start it while nothing was captured."""
    period = read_period(request, access)
    metrics = selectors.read_metrics(filters_of(period, access), currency=access.organization.currency)
    if not metrics["conversations"] and not list_batches(application_id=access.application_id, before=None, limit=1):
        return onboarding.first_run(request, access)
    team = request.GET.get("for") or ("executive" if access.role == "executive" else access.membership.team)
    team = team if team in BY_TEAM else "product"
    turning = Turning(
        metrics=metrics,
        period=period,
        newest=cycles.newest_cycle(access.application_id),
        insights=gravest(Wanted(application_id=access.application_id, state=Insight.State.OPEN), limit=1000),
        improvements=list_open_improvements(access.application_id),
        experiments=list_open(),
    )
    context = {
        "wheel": show_wheel(turning, access),
        "waits": show_waits(turning, access),
        "roles": [
            {"label": name.capitalize(), "url": page_url("home", access, **{"for": name}, days=period.key),
             "current": name == team}
            for name in BY_TEAM
        ],
        "figures": BY_TEAM[team](metrics, access, period.link),
        "figures_title": f"What {team} looks at first" if team != "executive" else "At a glance",
        "figures_note": period.label,
        "period": describe(period, "home", access),
        "turns_url": page_url("home_turns", access),
        "start_url": page_url("start", access),
    }  # fmt: skip
    return TemplateResponse(request, "portal/home.html", context)


@require_safe
@portal_page()
def turns(request: HttpRequest, access: Access) -> HttpResponse:
    """Show what turns compounded to and what runs now; home asks for it once it stands."""
    newest = cycles.newest_cycle(access.application_id)
    found = cycles.compounding(newest.application_id) if newest else []
    running = [each for each in list_open() if each.state in Experiment.SERVING]
    context = {
        "compounded": compounded_figures(found, access),
        "turns": len(found),
        "missing_turns": _MISSING_TURNS[min(len(found), 1)],
        "cycles_url": page_url("cycles", access),
        "insights": open_insights(access, limit=_ROWS),
        "insights_url": page_url("insights", access),
        "running": running_rows(running[:_ROWS]),
        "experiments_url": page_url("experiments", access),
    }
    return TemplateResponse(request, "portal/home_turns.html", context)
