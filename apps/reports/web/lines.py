"""From a figure down to its conversations; and what one experiment is worth, beside its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.experiments.selectors.experiments import find_experiment
from apps.organizations.web.access import Access, page_url, portal_page
from apps.platform.templatetags.figures import money
from apps.reports.domain.content import READY
from apps.reports.domain.months import in_words
from apps.reports.domain.worth import worth_of
from apps.reports.models import BenefitLine, CostLine, Line
from apps.reports.selectors.ledger import Evidence, evidence_of, lines_of
from apps.reports.selectors.reports import valuation_of
from apps.reports.wording import effect_words, range_words, state_words, whole


@require_safe
@portal_page()
def line(request: HttpRequest, access: Access, source_id: str) -> HttpResponse:
    """Show everything the ledger holds of one change: each metric, each month, and conversations behind it."""
    rows = [row for row in lines_of(source_id=source_id, application=access.application) if row.metric]
    if not rows:
        raise Http404("The ledger holds no such line.")
    first = rows[0]
    found = evidence_of(first.evidence)
    context = {
        "name": first.name,
        "state": first.state,
        "decided_at": first.decided_at,
        "source": _source(first),
        "metrics": _by_metric(rows, access.organization.currency),
        "worth": _worth(access, source_id),
        "evidence": [_evidence(each) for each in found if each.exists],
        "erased": sum(not each.exists for each in found),
        "crumbs": [{"label": "ROI", "url": page_url("roi", access)}],
    }
    return TemplateResponse(request, "portal/roi_line.html", context)


@require_safe
@portal_page()
def experiment_money(request: HttpRequest, access: Access, experiment_id: str) -> HttpResponse:
    """Answer the experiment's page: what the experiment is worth, with volume and interval, or why nobody knows."""
    experiment = find_experiment(experiment_id)
    if experiment is None:
        raise Http404("There is no such experiment.")
    rows = [row for row in lines_of(source_id=experiment_id) if row.metric]
    context = {
        "rows": _worth(access, experiment_id),
        "decided": bool(rows),
        "url": reverse("roi_line", args=[experiment_id]) if rows else None,
        "roi_url": page_url("roi", access),
    }
    return TemplateResponse(request, "portal/experiment_money.html", context)


def _worth(access: Access, source_id: str) -> list[dict[str, Any]]:
    """Return the lines of a source as the last valuation has them."""
    value = valuation_of(None)
    if value is None:
        return []
    content, found = value.content, []
    currency = content["currency"]
    for section, sign in (("lines", 1), ("apart", 1), ("costs", -1)):
        for each in content[section]:
            if each.get("source_id") != source_id:
                continue
            low, middle, high = sorted(sign * each["total"][name] for name in ("p10", "p50", "p90"))
            found.append(
                {
                    "label": each["what"], "effect": effect_words(each, currency), "evidence": state_words(each),
                    "volume": each["volume"], "application": each["application"], "grade": each.get("grade"),
                    "p50": money(whole(middle), currency), "apart": section == "apart",
                    "range": range_words(low, high, currency),
                }
            )  # fmt: skip
    found += [
        {"label": each["what"], "effect": effect_words(each, currency), "evidence": state_words(each),
         "grade": each["grade"],
         "volume": each["volume"], "application": each["application"], "p50": "", "range": "", "why": each["why"]}
        for each in content["left_out"] if each.get("source_id") == source_id
    ]  # fmt: skip
    return found if content["state"] == READY or found else []


def _by_metric(rows: Sequence[Line], currency: str) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[Line]] = {}
    for row in rows:
        found.setdefault((row.application.name, row.metric), []).append(row)
    return [
        {
            "application": application,
            "metric": metric.replace("_", " "),
            "what": worth_of(metric).label,
            "grade": months[-1].grade,
            "effect": effect_words(_plain(months[-1]), currency),
            "n": months[-1].n,
            "reach": months[-1].reach,
            "is_cost": isinstance(months[-1], CostLine),
            "not_counted": months[-1].not_counted,
            "selected": months[-1].selected,
            "months": [
                {
                    "period": in_words(row.period), "volume": row.volume,
                    "share": row.share if isinstance(row, BenefitLine) else None, "ongoing": row.ongoing,
                }
                for row in months
            ],
        }
        for (application, metric), months in found.items()
    ]  # fmt: skip


def _plain(row: Line) -> dict[str, Any]:
    numbers = {name: getattr(row, name) for name in ("effect", "low", "high")}
    return {"metric": row.metric, **{name: None if value is None else float(value) for name, value in numbers.items()}}


def _source(row: Line) -> dict[str, str]:
    if row.source_kind == Line.SourceKind.BEFORE_AFTER:
        return {"label": "the improvement", "url": reverse("improvement", args=[row.source_id])}
    return {"label": f"the {row.source_kind}", "url": reverse("experiment", args=[row.source_id])}


def _evidence(each: Evidence) -> dict[str, Any]:
    return {
        "session_id": each.session_id, "started_at": each.started_at,
        "url": reverse("conversation", args=[each.conversation_id]),
    }  # fmt: skip
