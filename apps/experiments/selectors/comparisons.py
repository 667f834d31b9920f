"""Two periods, versions, variants, applications or arms side by side, each with how strong the comparison is.

Call inside tenant(...). Facts are read once a side: sums over users, so that one who talks often counts once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from apps.evaluations.domain.registry import REGISTRY
from apps.experiments.domain.measures import MEASURES, compare_arms
from apps.experiments.domain.observational import (
    MIX_SHIFT,
    Contrast,
    difference_in_differences,
    mix_shift,
    placebo_dates,
)
from apps.experiments.domain.sides import Side
from apps.experiments.domain.statistics import Comparison, RatioSummary
from apps.experiments.models import Experiment
from apps.experiments.selectors.experiments import Look, current_phase, find_experiment, plan_of
from apps.experiments.selectors.measuring import expressions_of
from apps.library.models import LabelAssignment
from apps.organizations.models import Application

HISTORY_DAYS = 365
_MIXES = ("channel", "agent", "model")
# So many levels of a mix are told apart; the rest are one.
_MOST_LEVELS = 50
_MOST_APPLICATIONS = 50


class NoSide(LookupError):
    """A side names an application, experiment or variant that is not there."""


@dataclass(frozen=True)
class Compared:
    """``comparison`` is of users as if they had been drawn by lot; ``contrast`` says what may be believed of it."""

    metric: str
    sides: tuple[RatioSummary, RatioSummary]
    conversations: tuple[int, int]
    comparison: Comparison
    contrast: Contrast
    mixes: Mapping[str, float]
    concurrent: Sequence[str]


def compare_sides(
    *,
    organization_id: int,
    metric: str,
    a: Side,
    b: Side,
    at: datetime,
    application: Application | None = None,
    since: date | None = None,
    until: date | None = None,
    touched: Collection[int] = (),
) -> Compared:
    """Compare b with a on a metric of MEASURES. ``since``/``until`` bound sides that are no periods. Raises NoSide.

    ``touched``: applications that are no controls for a comparison of periods, besides those experiments ran in.
    """
    if a.kind == "arm":
        return _arms(metric, a, b, at)
    where = [_condition(side, organization_id, application, since, until, metric, at) for side in (a, b)]
    (one, n_one, mix_one), (two, n_two, mix_two) = (_read(metric, *each) for each in where)
    better = REGISTRY[metric].direction == "increase"
    comparison = compare_arms(
        MEASURES[metric], one, two, alpha=0.05, planned_n=None, higher_is_better=better, method="fixed"
    )
    mixes = {name: mix_shift(mix_one[name], mix_two[name]) for name in _MIXES if name != a.kind}
    if a.kind == "period":
        contrast = _periods(organization_id, metric, a, b, application, comparison, at, touched)
    else:
        contrast = Contrast(
            "side by side", "D", comparison.difference, comparison.interval, comparison.p_value,
            f"nobody drew lots: what else differs between the two {a.kind.replace('_', ' ')}s is in this difference",
        )  # fmt: skip
    return Compared(
        metric, (one, two), (n_one, n_two), comparison, contrast,
        {name: shift for name, shift in mixes.items() if shift >= MIX_SHIFT}, _concurrent(a, b),
    )  # fmt: skip


def _arms(metric: str, a: Side, b: Side, at: datetime) -> Compared:
    identifier, _, _ = a.value.partition(":")
    experiment = find_experiment(identifier)
    phase = current_phase(experiment) if experiment else None
    if experiment is None or phase is None:
        raise NoSide("There is no such experiment in this organization, or it has not started.")
    keys = [variant.key for variant in plan_of(experiment).variants]
    places = [keys.index(key) if (key := side.value.partition(":")[2]) in keys else -1 for side in (a, b)]
    if -1 in places:
        raise NoSide(f"The variants of {identifier} are {', '.join(keys)}.")
    look = Look(experiment, phase, at=at, also=[metric])
    one, two = (look.arms.summaries[metric][place] for place in places)
    comparison = compare_arms(
        MEASURES[metric], one, two, alpha=look.plan.alpha, planned_n=look.plan.planned_n,
        higher_is_better=REGISTRY[metric].direction == "increase",
    )  # fmt: skip
    clean = all(ratio.ok for ratio in look.sample_ratios().values())
    contrast = Contrast(
        "randomised", "A" if clean else "D", comparison.difference, comparison.interval, comparison.p_value,
        "units were drawn by lot; the interval holds at every look"
        if clean
        else "sample-ratio mismatch: units did not arrive as they were drawn, so the lot proves nothing",
    )  # fmt: skip
    conversations = (look.arms.conversations[places[0]], look.arms.conversations[places[1]])
    return Compared(metric, (one, two), conversations, comparison, contrast, {}, ())


def _periods(
    organization_id: int,
    metric: str,
    a: Side,
    b: Side,
    application: Application | None,
    naive: Comparison,
    at: datetime,
    touched: Collection[int],
) -> Contrast:
    """Return the strongest design that these periods allow; its difference is b − a whichever came first."""
    if naive.difference is None:
        return Contrast("before/after", "D", None, None, None, "a side has no conversation that the metric speaks of")
    earlier, later = sorted((a, b), key=lambda side: side.since or date.min)
    sign = 1 if earlier is a else -1
    found = None
    if application is not None:
        found = _against_untouched(organization_id, metric, earlier, later, application, at, touched)
    if found is None:
        assert earlier.until is not None
        assert later.since is not None
        assert later.until is not None
        before = _daily(organization_id, metric, application, earlier.until - timedelta(days=HISTORY_DAYS - 1),
                        earlier.until, at)  # fmt: skip
        first = next((place for place, value in enumerate(before) if value is not None), len(before))
        after = _daily(organization_id, metric, application, later.since, later.until, at)
        found = placebo_dates(before[first:], after)
    if found.design == "before/after":
        # Nothing to judge by: what the conversations say, as if they had been drawn by lot, and the warning.
        why = f"{found.why}; the interval takes days for exchangeable, which is wrong a third of the time"
        return replace(
            found, difference=naive.difference, interval=naive.interval, p_value=naive.p_value, why=why
        )  # fmt: skip
    if sign > 0 or found.interval is None or found.difference is None:
        return found
    low, high = found.interval
    return replace(found, difference=-found.difference, interval=(-high, -low))


def _against_untouched(
    organization_id: int,
    metric: str,
    earlier: Side,
    later: Side,
    application: Application,
    at: datetime,
    touched: Collection[int],
) -> Contrast | None:
    """Return the difference in differences against applications for which nothing ran in either period."""
    assert earlier.since is not None
    assert later.until is not None
    controls_not = [application.id, *touched, *_touched(earlier.since, later.until)]
    others = Application.objects.exclude(id__in=controls_not)
    means: dict[str, tuple[float, float]] = {}
    for each in [application, *others.order_by("id")[:_MOST_APPLICATIONS]]:
        ratios = [
            _read(metric, *_condition(side, organization_id, each, None, None, metric, at))[0].ratio
            for side in (earlier, later)
        ]
        if ratios[0] is not None and ratios[1] is not None:
            means[each.slug] = (ratios[0], ratios[1])
    treated = means.pop(application.slug, None)
    return difference_in_differences(treated, list(means.values())) if treated is not None else None


def _touched(since: date, until: date) -> list[int]:
    """Return applications whose conversations an experiment that ran between these days took part in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT application_id FROM evaluations_conversationfact f"
            " WHERE day >= %s AND day <= %s AND EXISTS (SELECT 1 FROM evaluations_factassignment a"
            " WHERE a.organization_id = f.organization_id AND a.conversation_id = f.conversation_id)",
            [since, until],
        )
        return [row[0] for row in cursor.fetchall()]


def _condition(
    side: Side,
    organization_id: int,
    application: Application | None,
    since: date | None,
    until: date | None,
    metric: str,
    at: datetime,
) -> tuple[str, list[Any]]:
    """Return a WHERE clause over facts; column names are constants of this module, values parameters."""
    terms, values = ["organization_id = %s"], [organization_id]
    parameters: list[Any] = list(values)
    if side.kind == "application":
        found = Application.objects.filter(slug=side.value).first()
        if found is None or (application is not None and application.id != found.id):
            raise NoSide("There is no such application in this organization.")
        application = found
    elif side.kind != "period":
        terms.append(f"{side.kind} = %s")
        parameters.append(side.value)
    if application is not None:
        terms.append("application_id = %s")
        parameters.append(application.id)
    for sign, bound in ((">=", side.since or since), ("<=", side.until or until)):
        if bound is not None:
            terms.append(f"day {sign} %s")
            parameters.append(bound)
    terms.append("started_at <= %s")
    parameters.append(at - timedelta(hours=REGISTRY[metric].maturity_hours))
    return " AND ".join(terms), parameters


def _read(metric: str, where: str, parameters: list[Any]) -> tuple[RatioSummary, int, dict[str, dict[str, int]]]:
    """Return sums over users (a conversation that names none is a unit), conversations, and the side's mixes."""
    top, bottom = expressions_of(metric)
    mixes: dict[str, dict[str, int]] = {name: {} for name in _MIXES}
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH chosen AS MATERIALIZED (SELECT * FROM evaluations_conversationfact WHERE {where}),"  # noqa: S608
            f" by_unit AS (SELECT coalesce(sum(({top})::float8), 0) AS m, coalesce(sum(({bottom})::float8), 0) AS d,"
            " count(*) AS n FROM chosen GROUP BY coalesce(nullif(unit_hash, ''), conversation_id::text))"
            " SELECT '', '', count(*) FILTER (WHERE d > 0), coalesce(sum(m) FILTER (WHERE d > 0), 0),"
            " coalesce(sum(m * m) FILTER (WHERE d > 0), 0), coalesce(sum(d), 0), coalesce(sum(d * d), 0),"
            " coalesce(sum(m * d) FILTER (WHERE d > 0), 0), coalesce(sum(n), 0)::bigint FROM by_unit"
            + "".join(
                f" UNION ALL (SELECT '{name}', {name}, count(*), 0, 0, 0, 0, 0, 0 FROM chosen GROUP BY {name}"  # noqa: S608
                f" ORDER BY 3 DESC LIMIT {_MOST_LEVELS})"
                for name in _MIXES
            ),
            parameters,
        )
        (_, _, units, *sums, conversations), *levels = cursor.fetchall()
    for name, level, n, *_ in levels:
        mixes[name][level] = int(n)
    return RatioSummary(int(units), *map(float, sums)), int(conversations), mixes


def _daily(
    organization_id: int, metric: str, application: Application | None, since: date, until: date, at: datetime
) -> list[float | None]:
    """Return the metric of each day, None for one without data."""
    top, bottom = expressions_of(metric)
    where, parameters = _condition(
        Side("period", "", since, until), organization_id, application, None, None, metric, at
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT day, sum(({top})::float8) / nullif(sum(({bottom})::float8), 0)"  # noqa: S608
            f" FROM evaluations_conversationfact WHERE {where} GROUP BY day",
            parameters,
        )
        values = dict(cursor.fetchall())
    return [values.get(since + timedelta(days=place)) for place in range((until - since).days + 1)]


def _concurrent(a: Side, b: Side) -> list[str]:
    """Return what else changed between and during two periods: labels that moved, experiments that ran."""
    if a.since is None or b.since is None or a.until is None or b.until is None:
        return []
    since, until = min(a.since, b.since), max(a.until, b.until)
    moved = LabelAssignment.objects.select_related("prompt", "version").filter(at__date__gte=since, at__date__lte=until)
    ran = Experiment.objects.select_related("prompt").filter(started_at__date__gte=since, started_at__date__lte=until)
    told = [
        (each.at, f"{each.at:%Y-%m-%d}: {each.label} of {each.prompt.name} moved to version {each.version.number}")
        for each in moved.order_by("at")[:20]
    ]
    told += [
        (each.started_at, f"{each.started_at:%Y-%m-%d}: {each.kind} {each.name} began on {each.prompt.name}")
        for each in ran.order_by("started_at")[:20]
        if each.started_at is not None
    ]
    return [words for _, words in sorted(told)]
