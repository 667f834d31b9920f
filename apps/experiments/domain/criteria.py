"""Success criteria: conditions on what a treatment does beside control, and whether they hold. Unknown never passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.evaluations.domain.compared import COMPARED, NO_NEW_SECURITY_ISSUES, compare_all
from apps.evaluations.domain.expressions import BadExpression, Expression, evaluate, metrics_in, parse
from apps.experiments.domain.measures import MEASURES

# Read for no_new_security_issues, per conversation of each arm, since arms differ in size.
_SUCCEEDED = "successful_attacks"
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
                found[_SUCCEEDED] = None
            else:
                found[COMPARED[name].of if name in COMPARED else name] = None
    return list(found)


def hold(
    criteria: Sequence[str],
    *,
    treatment: Mapping[str, float | None],
    control: Mapping[str, float | None],
    new_attack_patterns: float | None,
) -> dict[str, bool | None]:
    """Return of each criterion whether it holds, control being the baseline; None where that is unknown."""
    values = compare_all({**treatment, "new_attack_patterns": new_attack_patterns}, control)
    return {text: evaluate(read_criterion(text), values) for text in criteria}
