"""Daily rollups: recomputed from facts, never incremented, so that they cannot drift from the rows behind them."""

from __future__ import annotations

from datetime import date

import msgspec
from django.db import connection

from apps.evaluations.domain.facts import Fact
from apps.evaluations.domain.tally import Tally, tally
from apps.evaluations.models import DailyRollup
from apps.evaluations.services.topic_days import LOCK, count_locked, lock_of
from apps.platform.tenancy import tenant

_decode_fact = msgspec.json.Decoder(Fact).decode
_FACTS = """
SELECT agent, variant, prompt_version, channel, fact::text FROM evaluations_conversationfact
WHERE organization_id = %s AND application_id = %s AND day = %s
"""


def roll_up(*, organization_id: int, application_id: int, day: date) -> None:
    """Replace the rollups of one application's day, and its counts by topic, with a fresh tally of its facts."""
    with tenant(organization_id):
        # One at a time: a recomputation that read earlier must not write later.
        with connection.cursor() as cursor:
            cursor.execute(LOCK, lock_of(application_id, day))
        tallies = tally_day(organization_id, application_id, day)
        DailyRollup.objects.filter(application_id=application_id, day=day).delete()
        DailyRollup.objects.bulk_create(
            DailyRollup(
                organization_id=organization_id,
                application_id=application_id,
                day=day,
                agent=agent,
                variant=variant,
                prompt_version=prompt_version,
                channel=channel,
                tally=msgspec.to_builtins(value),
            )
            for (agent, variant, prompt_version, channel), value in tallies.items()
        )
        count_locked(organization_id, application_id, day)


def tally_day(organization_id: int, application_id: int, day: date) -> dict[tuple[str, str, str, str], Tally]:
    """Return the day's tally by (agent, variant, prompt version, channel). Call inside tenant(...)."""
    slices: dict[tuple[str, str, str, str], list[Fact]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, [organization_id, application_id, day])
        for agent, variant, prompt_version, channel, fact in cursor.fetchall():
            slices.setdefault((agent, variant, prompt_version, channel), []).append(_decode_fact(fact))
    return {key: tally(facts) for key, facts in slices.items()}
