"""Security, quality, business and performance: one page each, one metrics object each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.evaluations import selectors
from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.security.behaviour import observe
from apps.evaluations.selectors import Filters
from apps.evaluations.web import charts, figures
from apps.evaluations.web.files import answer
from apps.evaluations.web.leaks import describe_leaks
from apps.evaluations.web.nothing import nothing
from apps.evaluations.web.periods import Period, describe, filters_of, read_period
from apps.evaluations.web.techniques import technique_map, technique_sheet
from apps.evaluations.web.words import money, say, worst_incident
from apps.library.domain.standing import cuts_of
from apps.organizations.web.access import Access, page_url, portal_page, rows_url
from apps.platform.wording import counted
from apps.reports.selectors.changes import Changes, read_changes
from apps.reports.web import guarded
from apps.reports.web.marks import marks_of

_WORST = 10
_LEAKS = 6
_SLICES = 12
_NAMED = 3
# The tables of each page as files: what their numbers mean, and their columns.
_RATE = "Blocked / (blocked + succeeded) of the attacks of the period, with Wilson's 95 % interval; n: attacks decided"
_SHARE = "Share of the first step, with Wilson's 95 % interval"
_SECURITY_TABLES = {
    "types": (_RATE, ("label", "attacks", "blocked", "succeeded", "unclear", "rate", "interval")),
    "versions": (_RATE, ("label", "n", "rate", "interval")),
    "guarded": (guarded.DEFINITION, ("guardrail", "version", "n", "blocked", "unclear", "rate", "interval")),
}
_QUALITY_TABLES = {
    "escalation": ("Share of all conversations, with Wilson's 95 % interval", ("label", "count", "share", "interval")),
}
_BUSINESS_TABLES = {
    "funnel": (_SHARE, ("label", "count", "share", "interval")),
    "agents": (
        "Share of offers confirmed, shrunken to the mean of all agents (beta-binomial), with 95 % interval; n: offers",
        ("agent", "n", "rate", "interval"),
    ),
}
_PERFORMANCE_TABLES = {
    "slices": (
        "Seconds from a message to its reply (median, 95th percentile), tokens and cost a conversation",
        ("kind", "label", "n", "p50", "p95", "tokens", "cost"),
    ),
}


@require_safe
@portal_page()
def security(request: HttpRequest, access: Access) -> HttpResponseBase:
    """Attacks by outcome, the block rate, types, leaks, the worst."""
    period, found, groups, context = _page(
        request, access, "security", figures.security_figures, by=("day", "prompt_version")
    )
    sheets = {}
    if context["empty"] is None:
        days, totals = groups["day"], found["security"]
        filters = filters_of(period, access)
        changes = read_changes(filters)
        attacks = selectors.read_attacks(filters, cuts=cuts_of(changes.standings))
        context |= {
            "attacks": charts.attacks(days),
            "totals": {name: totals[f"attacks_{name}"] for name in ("blocked", "succeeded", "unclear")},
            "block_rate": charts.block_rate(days),
            "types": _types(period, access, attacks.kinds),
            "techniques": None if access.application else technique_map(attacks.kinds, period, access),
            "versions": _versions(groups["prompt_version"], access, period),
            "guarded": guarded.by_guardrail(changes.standings, attacks.moments, access, since=period.since),
            "any_guardrail": bool(changes.standings),
            "guardrails_url": page_url("guardrails", access),
            **_leaks_and_worst(filters, access),
            **_across_sessions(filters, access),
            "calibration": _worth(totals["calibration"], access),
            "new_patterns": {
                "count": totals["new_attack_patterns"],
                "url": rows_url("threat_patterns", access, status="candidate"),
            },
        }
        _stand_on(("attacks", "block_rate"), context, changes, access, {"attacked": "true"})
        if context["techniques"]:
            sheets["techniques"] = partial(technique_sheet, attacks.kinds, access)
    return answer(
        request, access, "portal/security.html", context, name="security", tables=_SECURITY_TABLES, sheets=sheets,
        days=period.key,
    )  # fmt: skip


def _worth(calibration: dict[str, Any], access: Access) -> dict[str, Any]:
    low, high = calibration["false_alarms_expected"]
    per = calibration["false_alarms_per_10k_ci"]
    where = f"on {calibration['measured_on']}: {per[0]:.0f} to {per[1]:.0f} per 10,000"
    calibrated = calibration["status"] == "calibrated"
    head = (
        f"Calibrated on {calibration['judged']:,} judged conversations."
        if calibrated
        else f"Uncalibrated: {calibration['reason']}."
    )
    return {
        "kind": "accent" if calibrated else "info",
        "text": f"{head} Expect {low:,} to {high:,} false alarms among these conversations ({where}).",
        "url": rows_url("audit_sample", access),
    }


@require_safe
@portal_page()
def quality(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The score, the patterns, the escalation funnel, the worst ten; drift and topics come as parts."""
    period, found, groups, context = _page(request, access, "quality", figures.quality_figures)
    if context["empty"] is None:
        totals, link = found["quality"], period.link
        conversations = found["conversations"]
        escalations = totals["escalations"]
        context |= {
            "score": charts.score(groups["day"]),
            "outlook_url": page_url("quality_outlook", access),
            "patterns": charts.patterns(totals["poor_quality_patterns"]),
            "escalation": [
                {
                    "label": step.capitalize(),
                    "count": escalations[step],
                    "share": escalations[step] / conversations if conversations else None,
                    "interval": wilson(escalations[step], conversations),
                    "rows": rows_url("conversations", access, escalated="true", **link) if step == "done" else None,
                }
                for step in ("requested", "offered", "done")
            ],
            "topics_url": page_url("quality_topics", access, days=period.key),
            "worst": _worst_quality(filters_of(period, access), access),
            "worst_url": rows_url("conversations", access, max_quality="4", **link),
            "unscored": {"count": totals["unscored"], "reason": "languages the features do not cover, or no reply"}
            if totals["unscored"]
            else None,
        }
        _stand_on(("score",), context, read_changes(filters_of(period, access)), access, {"known": "quality"})
        charts.lead(context["patterns"], lambda key: rows_url("conversations", access, pattern=key, **link))
    return answer(
        request, access, "portal/quality.html", context, name="quality", tables=_QUALITY_TABLES, days=period.key
    )


@require_safe
@portal_page()
def business(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The funnel, what goes with success, agents, churn, leads."""
    period, found, _, context = _page(request, access, "business", figures.business_figures, by=())
    if context["empty"] is None:
        totals, filters = found["business"], filters_of(period, access)
        funnel = totals["funnel"]
        offered = funnel["offered"]
        context |= {
            "funnel": [
                {
                    "label": step.capitalize(),
                    "count": funnel[step],
                    "share": funnel[step] / offered,
                    "interval": wilson(funnel[step], offered) if step != "offered" else None,
                    "rows": rows_url("conversations", access, upsell="confirmed", **period.link)
                    if step == "confirmed"
                    else None,
                }
                for step in ("offered", "agreed", "confirmed")
            ]
            if offered
            else None,
            "lost": {name: funnel[name] for name in ("declined", "ignored", "pending")},
            "factors": charts.factors(totals["factors"]),
            "agents": [
                {
                    "agent": each["agent"],
                    "url": rows_url("conversations", access, agent=each["agent"], **period.link),
                    "n": each["n"],
                    "rate": each["rate"],
                    "interval": each["interval"],
                    "ranked": True,
                }
                for each in totals["best_agents"]
            ],
            "churn": _people(Filters(**_fields(filters) | {"churn": "at_risk"}), access),
            "leads": _people(Filters(**_fields(filters) | {"enterprise_lead": True}), access),
            "currency": access.organization.currency,
        }
    return answer(
        request, access, "portal/business.html", context, name="business", tables=_BUSINESS_TABLES, days=period.key
    )


@require_safe
@portal_page()
def performance(request: HttpRequest, access: Access) -> HttpResponseBase:
    """Reply times by day, and where time and money go."""
    slices = ("agent", "prompt_version", "channel")
    period, _, groups, context = _page(
        request, access, "performance", figures.performance_figures, by=("day", *slices), most=_SLICES
    )
    if context["empty"] is None:
        context |= {
            "reply": charts.reply_times(groups["day"]),
            "slices": [
                _slice(group, by, by.replace("_", " "), access, period)
                for by in slices
                for group in groups[by][:_SLICES]
                if group["key"]
            ],
            "currency": access.organization.currency,
        }
        _stand_on(("reply",), context, read_changes(filters_of(period, access)), access, {"known": "reply_time"})
    return answer(
        request, access, "portal/performance.html", context, name="performance", tables=_PERFORMANCE_TABLES,
        days=period.key,
    )  # fmt: skip


Groups = dict[str, list[dict[str, Any]]]


def _page(
    request: HttpRequest,
    access: Access,
    name: str,
    strip: Any,
    by: tuple[str, ...] = ("day",),
    most: int = selectors.MOST_GROUPS,
) -> tuple[Period, dict[str, Any], Groups, dict[str, Any]]:
    """Return the period, the metrics of the section ``name``, those by each grouping, and what every page here has.

    Of a grouping that is not by time, the ``most`` largest groups.
    """
    period = read_period(request, access)
    filters, currency = filters_of(period, access), access.organization.currency
    groups: Groups = {}
    if by:
        found, groups = selectors.read_sliced_metrics(filters, by=by, currency=currency, sections=(name,), most=most)
    else:
        found = selectors.read_metrics(filters, currency=currency, sections=(name,))
    context = {
        "period": describe(period, name, access),
        "rows_url": rows_url("conversations", access, **period.link),
        "empty": None if found["conversations"] else nothing(name, period, access),
        "figures": strip(found, access, period.link),
    }
    return period, found, groups, context


def _stand_on(
    names: Sequence[str], context: dict[str, Any], changes: Changes, access: Access, rows: dict[str, str]
) -> None:
    """Give day charts of the context what changed as marks, and each of their days the conversations behind it."""
    marks = marks_of(changes, access)
    for name in names:
        charts.mark(context[name], marks)
        charts.lead(context[name], lambda day: rows_url("conversations", access, since=day, until=day, **rows))


def _fields(filters: Filters) -> dict[str, Any]:
    return {name: getattr(filters, name) for name in ("application_id", "since", "until")}


def _types(period: Period, access: Access, counts: selectors.Kinds) -> list[dict[str, Any]]:
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, name), told in counts.items():
        outcomes[name].update(told)
    rows = []
    for name, told in sorted(outcomes.items(), key=lambda item: (-item[1].total(), item[0])):
        blocked, succeeded, unclear = (told[word] for word in ("blocked", "succeeded", "unclear"))
        decided = blocked + succeeded
        rows.append(
            {
                "label": say(name),
                "url": rows_url("conversations", access, finding=name, **period.link),
                "attacks": blocked + succeeded + unclear,
                "blocked": blocked,
                "succeeded": succeeded,
                "unclear": unclear,
                "rate": blocked / decided if decided else None,
                "interval": wilson(blocked, decided),
                "thin": decided < 30,
            }
        )
    return rows


def _versions(groups: list[dict[str, Any]], access: Access, period: Period) -> list[dict[str, Any]]:
    """Return the block rate of each prompt version that attacks were decided under, most decided first."""
    rows = []
    for group in groups:
        told = group["security"]
        if told["block_rate"] is None:
            continue
        link = {"prompt_version": group["key"], "attacked": "true", **period.link}
        rows.append(
            {
                "label": group["key"] or "not stated",
                "url": rows_url("conversations", access, **link) if group["key"] else None,
                "n": told["block_rate_n"],
                "rate": told["block_rate"],
                "interval": told["block_rate_ci"],
                "thin": told["block_rate_n"] < 30,
            }
        )
    return sorted(rows, key=lambda row: (-row["n"], row["label"]))[:_SLICES]


def _leaks_and_worst(filters: Filters, access: Access) -> dict[str, Any]:
    found = selectors.gravest(filters, leaks=_LEAKS, riskiest=_WORST)
    rows = []
    for fact, security in found.riskiest:
        worst = worst_incident(security)
        rows.append(
            {
                "session_id": fact.session_id,
                "url": rows_url("conversation", access, fact.conversation_id),
                "risk": fact.risk_score,
                "severity": worst["severity"] if worst else "",
                "what": say(worst["type"]) if worst else "",
                "outcome": worst["outcome"] if worst else "",
            }
        )
    return {"leaks": describe_leaks(found.leaked, found.leaks, filters, access), "worst": rows}


def _across_sessions(filters: Filters, access: Access) -> dict[str, Any]:
    """Return what attackers did over several sessions, each with the conversations it is seen in, and of how many."""
    attempts, more = selectors.read_attempts(filters)
    seen = observe(attempts)
    rows = [
        {
            "what": "Repeated probing",
            "text": f"{each.attempts} attacks by one user with {counted(each.techniques, 'technique')}"
            + (", one succeeded or more" if each.succeeded else ""),
            "sessions": each.sessions,
        }
        for each in seen.probing
    ]
    rows += [
        {"what": "Escalation", "text": f"One user, growing: {', '.join(each.steps)}", "sessions": each.sessions}
        for each in seen.escalations
    ]
    rows += [
        {"what": "One text, many accounts", "text": f"“{each.text}” from {each.users} users", "sessions": each.sessions}
        for each in seen.shared_texts
    ]
    rows += [
        {
            "what": "Burst",
            "text": f"{each.attacks} attacks in the hour of {each.hour:%d %b %H:00} UTC; {each.expected:.1f} are usual",
            "sessions": (),
        }
        for each in seen.bursts
    ]
    new = seen.new_techniques
    if new.share is not None and new.interval is not None and new.unseen:
        low, high = new.interval
        rows.append(
            {
                "what": "New techniques",
                "text": f"{new.unseen} of {new.recent} attacks of the last week used one not seen before: "
                f"{new.share:.0%} [{low:.0%}, {high:.0%}]",
                "sessions": (),
            }
        )
    across = [
        {**row, "links": [(name, rows_url("conversations", access, q=name)) for name in row["sessions"][:_NAMED]]}
        for row in rows[:_WORST]
    ]
    return {"across": across, "across_of": selectors.MOST_OBSERVED if more else None}


def _worst_quality(filters: Filters, access: Access) -> list[dict[str, Any]]:
    facts = selectors.poorest(filters, limit=_WORST)
    results = selectors.results_of([fact.conversation_id for fact in facts])
    return [
        {
            "session_id": fact.session_id,
            "url": rows_url("conversation", access, fact.conversation_id),
            "score": fact.quality_score,
            "reason": "; ".join((results[fact.conversation_id].get("quality") or {}).get("reasons", [])[:2]),
        }
        for fact in facts
    ]


def _people(filters: Filters, access: Access) -> list[dict[str, Any]]:
    facts = selectors.list_facts(filters, limit=_WORST)
    results = selectors.results_of([fact.conversation_id for fact in facts])
    rows = []
    for fact in facts:
        told = results[fact.conversation_id].get("business") or {}
        rows.append(
            {
                "session_id": fact.session_id,
                "url": rows_url("conversation", access, fact.conversation_id),
                "what": "; ".join(told.get("reasons", [])[:1]),
                "value": money(told.get("churn_value")),
                "state": say(fact.churn),
                "signals": [say(name).lower() for name in told.get("lead_signals", [])],
            }
        )
    return rows


def _slice(group: dict[str, Any], by: str, kind: str, access: Access, period: Period) -> dict[str, Any]:
    told = group["performance"]
    return {
        "label": group["key"],
        "kind": kind,
        "url": rows_url("conversations", access, **{by: group["key"]}, **period.link),
        "n": group["conversations"],
        "p50": told["reply_time_p50"],
        "p95": told["reply_time_p95"],
        "tokens": told["tokens_per_conversation"],
        "cost": told["cost_per_conversation"],
        "thin": group["conversations"] < 30,
    }
