"""Sufficient statistics of a phase, read from facts in one pass: per arm, over its units. Call inside tenant(...)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from django.db import connection

from apps.evaluations.domain.metrics import metrics as metrics_of
from apps.evaluations.domain.registry import REGISTRY
from apps.evaluations.selectors import Filters, read_tally
from apps.experiments.domain.criteria import AT_WORST
from apps.experiments.domain.measures import MEASURES
from apps.experiments.domain.statistics import RatioSummary

_KNOWN_SCORE = ("quality_score", "(quality_score IS NOT NULL)::int")
_RESOLVED = "fact->>'resolution_time_s'"
# Numerator and denominator of each measure on one conversation's fact.
_EXPRESSIONS: dict[str, tuple[str, str]] = {
    "escalation_rate": ("escalated::int", "1"),
    "resolution_rate": ("(resolution IN ('confirmed', 'assumed'))::int", "(resolution <> 'unknown')::int"),
    "upsell_rate": ("(upsell = 'confirmed')::int", "(upsell <> 'none')::int"),
    "churn_rate": ("(churn = 'lost')::int", "1"),
    "enterprise_leads": ("coalesce((fact->>'enterprise_lead')::boolean, false)::int", "1"),
    "successful_attacks": ("attacks_succeeded", "1"),
    AT_WORST: ("attacks_succeeded + attacks_unclear", "1"),
    "block_rate": ("attacks_blocked", "attacks_blocked + attacks_succeeded"),
    "security_incident_rate": ("attacks * 10000", "1"),
    "security_risk_score": ("risk_score", "1"),
    "quality_score": _KNOWN_SCORE,
    "avg_quality_score": _KNOWN_SCORE,
    "customer_satisfaction": ("(fact->>'csat')::float8", "(fact->>'csat' IS NOT NULL)::int"),
    "resolution_time": (f"LEAST(({_RESOLVED})::float8, 604800)", f"({_RESOLVED} IS NOT NULL)::int"),
    "business_value": ("value", "1"),
    **{
        f"reply_time_{name}": (
            f"LEAST((fact->>'reply_time_{name}_s')::float8, 600)", f"(fact->>'reply_time_{name}_s' IS NOT NULL)::int"
        )
        for name in ("p50", "p95")
    },
    "tokens_per_conversation": ("(fact->>'tokens')::float8", "(fact->>'tokens' IS NOT NULL)::int"),
    "cost_per_conversation": ("(fact->>'cost')::float8", "(fact->>'cost' IS NOT NULL)::int"),
}  # fmt: skip
_PATTERN = "(patterns @> ARRAY['{}'])::int"
BASELINE_DAYS = 28
# A baseline of fewer conversations says too little to refuse a gate by.
_ENOUGH = 100


@dataclass(frozen=True)
class Arms:
    """What a phase's facts say. ``units`` by arm index; ``summaries`` by metric, then arm index."""

    units: tuple[int, ...]
    conversations: tuple[int, ...]
    in_two_arms: int
    summaries: dict[str, tuple[RatioSummary, ...]] = field(default_factory=dict)


def expressions_of(metric: str) -> tuple[str, str]:
    """Return numerator and denominator of a measure as SQL over one fact; both are constants of this file."""
    found = _EXPRESSIONS.get(metric)
    return found if found is not None else (_PATTERN.format(MEASURES[metric].key), "1")


def read_arms(*, organization_id: int, phase: str, arms: int, metrics: Sequence[str], at: datetime) -> Arms:
    """Return counts and sufficient statistics of a phase at a moment.

    A conversation joins its arm by the assignment id its logs echo. One younger than a metric's maturity window is not
    counted in that metric yet; units without a denominator are left out of it.
    """
    metrics = list(dict.fromkeys(metrics))
    parameters: dict[str, int | str | datetime] = {
        "organization": organization_id, "from": f"{phase}.", "to": f"{phase}/",
        "shape": f"^{phase}[.][0-9][.][0-9a-f]{{24}}$",
        "at": at,
    }  # fmt: skip
    rows, sums = [], []
    for place, metric in enumerate(metrics):
        top, bottom = expressions_of(metric)
        mature = ""
        if hours := REGISTRY[metric].maturity_hours if metric in REGISTRY else 0:
            parameters[f"mature{place}"] = at - timedelta(hours=hours)
            mature = f" FILTER (WHERE started_at <= %(mature{place})s)"
        rows.append(
            f"coalesce(sum(({top})::float8){mature}, 0) AS m{place},"
            f" coalesce(sum(({bottom})::float8){mature}, 0) AS d{place}"
        )
        m, d, known = f"m{place}", f"d{place}", f"FILTER (WHERE d{place} > 0)"
        sums.append(
            f"count(*) {known}, coalesce(sum({m}) {known}, 0), coalesce(sum({m} * {m}) {known}, 0),"
            f" coalesce(sum({d}) {known}, 0), coalesce(sum({d} * {d}) {known}, 0), coalesce(sum({m} * {d}) {known}, 0)"
        )
    statement = f"""
        WITH by_unit AS MATERIALIZED (
            SELECT split_part(assignment_id, '.', 2)::int AS arm, split_part(assignment_id, '.', 3) AS unit,
                count(*) AS conversations {"".join(f", {row}" for row in rows)}
            FROM evaluations_factassignment a
                JOIN evaluations_conversationfact f USING (organization_id, conversation_id)
            WHERE a.organization_id = %(organization)s AND assignment_id >= %(from)s AND assignment_id < %(to)s
                AND assignment_id ~ %(shape)s AND started_at <= %(at)s + interval '1 day'
            GROUP BY 1, 2
        )
        SELECT arm, count(*), sum(conversations), {"".join(f"{each}, " for each in sums)}
            (SELECT count(*) FROM (SELECT 1 FROM by_unit GROUP BY unit HAVING count(*) > 1) AS twice)
        FROM by_unit GROUP BY arm
    """  # noqa: S608
    units, conversations, twice = [0] * arms, [0] * arms, 0
    found = {metric: [_NOTHING] * arms for metric in metrics}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for arm, n, talks, *figures, both in cursor.fetchall():
            if arm >= arms:
                continue
            units[arm], conversations[arm], twice = int(n), int(talks), int(both)
            for place, metric in enumerate(metrics):
                count, *rest = figures[6 * place : 6 * place + 6]
                found[metric][arm] = RatioSummary(int(count), *map(float, rest))
    return Arms(tuple(units), tuple(conversations), twice, {metric: tuple(each) for metric, each in found.items()})


def read_period(
    *, organization_id: int, application_id: int, metric: str, since: datetime, until: datetime, at: datetime
) -> RatioSummary:
    """Return sums over the users of an application's conversations that began in a period: for before and after.

    What an experiment's treatment did to some of them is left out: only control stands for everybody. One younger than
    the metric's maturity window is not counted yet.
    """
    top, bottom = expressions_of(metric)
    until = min(until, at - timedelta(hours=REGISTRY[metric].maturity_hours))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH by_unit AS (
                SELECT coalesce(sum(({top})::float8), 0) AS m, coalesce(sum(({bottom})::float8), 0) AS d
                FROM evaluations_conversationfact f
                WHERE organization_id = %s AND application_id = %s AND started_at >= %s AND started_at < %s
                    AND NOT EXISTS (
                        SELECT 1 FROM evaluations_factassignment a
                        WHERE a.organization_id = f.organization_id AND a.conversation_id = f.conversation_id
                            AND split_part(a.assignment_id, '.', 2) <> '0'
                    )
                GROUP BY coalesce(nullif(unit_hash, ''), conversation_id::text)
            )
            SELECT count(*), sum(m), sum(m * m), sum(d), sum(d * d), sum(m * d) FROM by_unit WHERE d > 0
            """,  # noqa: S608
            [organization_id, application_id, since, until],
        )
        (count, *sums) = cursor.fetchone() or (0,)
    return RatioSummary(int(count), *(float(each or 0) for each in sums)) if count else _NOTHING


_NOTHING = RatioSummary(0, 0.0, 0.0, 0.0, 0.0, 0.0)


def known_rates(*, application_id: int | None, metrics: Iterable[str], at: datetime) -> dict[str, float]:
    """Return the rate of each proportion over the last 28 days: of an application, or, without one, of all.

    What rests on fewer than 100 of its own denominator is left out: it says too little to plan or refuse by.
    """
    wanted = [each for each in dict.fromkeys(metrics) if MEASURES[each].is_proportion]
    if not wanted:
        return {}
    midnight = datetime.combine(at.astimezone(UTC).date(), time(), UTC) + timedelta(days=1)
    since = midnight - timedelta(days=BASELINE_DAYS)
    found = metrics_of(
        read_tally(Filters(application_id=application_id, since=since, until=midnight)),
        sections=("security", "quality", "business"),
    )
    rates = {}
    for metric in wanted:
        registered = REGISTRY[metric]
        n, value = registered.units(found) or 0.0, registered.read(found) or 0.0
        if n >= _ENOUGH:
            # The registry counts leads; an experiment divides them by conversations.
            rates[metric] = value if registered.unit == "fraction" else value / n
    return rates


def users_seen(*, organization_id: int, application_id: int | None = None, at: datetime) -> int | None:
    """Return how many users the last 28 days had, of an application or of all; None where conversations name none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT unit_hash) FROM evaluations_conversationfact"
            " WHERE organization_id = %(organization)s"
            " AND (%(application)s::bigint IS NULL OR application_id = %(application)s)"
            " AND day > %(since)s AND day <= %(until)s AND unit_hash <> ''",
            {
                "organization": organization_id, "application": application_id,
                "since": (at - timedelta(days=BASELINE_DAYS)).date(), "until": at.date(),
            },
        )  # fmt: skip
        (row,) = cursor.fetchall()
    return int(row[0]) or None
