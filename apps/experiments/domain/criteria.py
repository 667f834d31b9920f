"""Success criteria: conditions on what a treatment does beside control, and whether they hold. Unknown never passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.evaluations.domain.compared import COMPARED, NO_NEW_SECURITY_ISSUES, compare_all
from apps.evaluations.domain.expressions import BadExpression, Expression, evaluate, metrics_in, parse
from apps.experiments.domain.measures import MEASURES

# Read for no_new_security_issues, per conversation of each arm, since arms differ in size. At worst: whatever nobody
# can tell of succeeded.
SUCCEEDED, AT_WORST = "successful_attacks", "attacks_at_worst"
_READABLE = (
    frozenset(MEASURES) | {key for key, each in COMPARED.items() if each.of in MEASURES} | {NO_NEW_SECURITY_ISSUES}
)


class BadCriterion(ValueError):
    """A condition that cannot be read, or on what cannot be measured arm by arm."""


def read_criterion(text: str) -> Expression:
    """Return a criterion's expression. Raises BadCriterion."""
    try:
        return parse(text, metrics=_READABLE)
    except BadExpression as error:
        raise BadCriterion(str(error)) from error


def metrics_for(criteria: Sequence[str]) -> list[str]:
    """Return what must be measured of each arm to know whether these hold."""
    found: dict[str, None] = {}
    for text in criteria:
        for name in sorted(metrics_in(read_criterion(text))):
            if name == NO_NEW_SECURITY_ISSUES:
                found |= {SUCCEEDED: None, AT_WORST: None}
            else:
                found[COMPARED[name].of if name in COMPARED else name] = None
    return list(found)


def asks_for_issues(criteria: Sequence[str]) -> bool:
    """Say whether one of these reads no_new_security_issues."""
    return any(NO_NEW_SECURITY_ISSUES in metrics_in(read_criterion(text)) for text in criteria)


def hold(
    criteria: Sequence[str],
    *,
    treatment: Mapping[str, float | None],
    control: Mapping[str, float | None],
    no_new_issues: bool | None,
) -> dict[str, bool | None]:
    """Return of each criterion whether it holds, control being the baseline; None where that is unknown."""
    issues = None if no_new_issues is None else float(no_new_issues)
    values = {**compare_all(treatment, control), NO_NEW_SECURITY_ISSUES: issues}
    return {text: evaluate(read_criterion(text), values) for text in criteria}
