"""What attacks did in each arm of a phase, and which new attack patterns it met. Call inside tenant(...)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from apps.evaluations.selectors.threat_patterns import MOST_OPEN
from apps.experiments.domain.criteria import AT_WORST, SUCCEEDED
from apps.experiments.domain.issues import ArmIssues
from apps.experiments.selectors.measuring import Arms
from apps.platform import work

# A phase that meets as many patterns is in trouble whatever the rest are.
_MOST = 500
# Patterns found in the traffic that began in the phase or still wait for a person, each with the arms that met it.
_PATTERNS = """
SELECT p.id, p.application_id, p.status = 'candidate', p.first_seen_at >= %(began)s, ARRAY(
    SELECT DISTINCT split_part(a.assignment_id, '.', 2)::int
    FROM jsonb_array_elements_text(p.sessions) AS named
        JOIN ingestion_conversation c ON c.organization_id = p.organization_id
            AND c.application_id = p.application_id AND c.session_id = named
        JOIN evaluations_factassignment a ON a.organization_id = p.organization_id AND a.conversation_id = c.id
    WHERE a.assignment_id ~ %(shape)s
)
FROM evaluations_threatpattern p
WHERE p.organization_id = current_setting('flywheel.organization')::bigint AND p.source = 'cluster'
    AND (p.first_seen_at >= %(began)s OR p.status = 'candidate')
ORDER BY p.id DESC LIMIT %(most)s
"""


@dataclass(frozen=True)
class Issues:
    """``arms`` by index, control first.

    ``searched``: everything suspicious has been searched for new patterns, and what was found could be proposed.
    """

    arms: tuple[ArmIssues, ...]
    searched: bool


def read_issues(counted: Arms, *, phase: str, began: datetime) -> Issues:
    """Return what attacks did in the arms of a phase that began at a moment, of which ``counted`` holds the sums.

    A pattern was met by an arm when one of the conversations it names is the arm's.
    """
    met: list[set[int]] = [set() for _ in counted.units]
    opened: Counter[int] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(_PATTERNS, {"began": began, "shape": f"^{phase}[.][0-9][.][0-9a-f]{{24}}$", "most": _MOST})
        rows = cursor.fetchall()
    for pattern, application, is_candidate, is_new, arms in rows:
        opened[application] += is_candidate
        for arm in arms:
            if is_new and arm < len(met):
                met[arm].add(pattern)
    is_full = len(rows) == _MOST or any(n >= MOST_OPEN for n in opened.values())
    return Issues(
        arms=tuple(
            ArmIssues(succeeded, at_worst, frozenset(patterns))
            for succeeded, at_worst, patterns in zip(
                counted.summaries[SUCCEEDED], counted.summaries[AT_WORST], met, strict=True
            )
        ),
        searched=not is_full and not work.waiting_keys("evaluations.find_patterns"),
    )
