"""Plans as they come over the API: shapes only; what they mean is checked by the domain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from apps.experiments.domain.plans import BadPlan, GuardrailPlan, Plan, StepPlan, VariantPlan
from apps.experiments.services.planning import direction_of

_UNITS = ("user", "conversation", "agent")
_APPROVALS = ("none", "one", "two")
_DIRECTIONS = ("increase", "decrease")
_ROLES = ("gate", "harm_only")
_FIELDS = frozenset(
    {
        "name", "hypothesis", "prompt", "label", "unit", "variants", "metric", "direction", "guardrails", "alpha",
        "power", "minimum_detectable_effect", "minimum_worthwhile", "planned_n", "min_days", "approval", "steps",
        "layer", "layer_share", "control", "application",
    }
)  # fmt: skip
_ROLLOUT_FIELDS = frozenset({"name", "prompt", "label", "to_version", "steps", "guardrails", "approval", "application"})


def read_plan(body: Mapping[str, Any]) -> Plan:
    """Return the plan of POST /experiments. Raises BadPlan naming each field that is not as it should be.

    Control is the variant named ``control`` (or by the field of that name), else the first.
    """
    _known(body, _FIELDS)
    variants = tuple(_variant(each) for each in _list(body, "variants"))
    named = _text(body, "control", "control")
    if "control" in body and named not in {variant.key for variant in variants}:
        raise BadPlan([("control", f"there is no variant {named!r}")])
    metric = _text(body, "metric", "")
    if not metric:
        raise BadPlan([("metric", "names what decides; a change without a question is a rollout")])
    return Plan(
        variants=tuple(sorted(variants, key=lambda variant: variant.key != named)),
        unit=_one_of(body, "unit", "user", _UNITS),
        metric=metric,
        direction=_one_of(body, "direction", direction_of(metric), _DIRECTIONS),
        guardrails=read_guardrails(body),
        steps=read_steps(body),
        alpha=_number(body, "alpha", 0.05),
        power=_number(body, "power", 0.8),
        minimum_detectable_effect=_optional(body, "minimum_detectable_effect"),
        minimum_worthwhile=_number(body, "minimum_worthwhile", 0.0),
        planned_n=_whole(body, "planned_n"),
        min_days=_number(body, "min_days", 7.0),
        approval=_one_of(body, "approval", "one", _APPROVALS),
        layer=_text(body, "layer", ""),
        layer_share=_number(body, "layer_share", 1.0),
    )


def read_rollout(body: Mapping[str, Any]) -> tuple[int, str, str]:
    """Return (to_version, label, approval) of POST /rollouts. Raises BadPlan."""
    _known(body, _ROLLOUT_FIELDS)
    to_version = _whole(body, "to_version")
    if to_version is None:
        raise BadPlan([("to_version", "is the number of the version to roll out")])
    return to_version, _text(body, "label", "production"), _one_of(body, "approval", "none", _APPROVALS)


def read_guardrails(body: Mapping[str, Any]) -> tuple[GuardrailPlan, ...]:
    """Return the guardrail metrics; harm-only with margin 0 unless said otherwise. Raises BadPlan."""
    found = []
    for each in _list(body, "guardrails"):
        if isinstance(each, str):
            each = {"metric": each}
        _mapping(each, "guardrails", {"metric", "margin", "role", "direction"})
        metric = _text(each, "metric", "", within="guardrails")
        found.append(
            GuardrailPlan(
                metric=metric,
                margin=_number(each, "margin", 0.0, within="guardrails"),
                role=_one_of(each, "role", "harm_only", _ROLES, within="guardrails"),
                direction=_one_of(each, "direction", direction_of(metric), _DIRECTIONS, within="guardrails"),
            )
        )
    return tuple(found)


def read_steps(body: Mapping[str, Any]) -> tuple[StepPlan, ...]:
    """Return the steps of a ramp. Raises BadPlan."""
    found = []
    for each in _list(body, "steps"):
        _mapping(each, "steps", {"percent", "min_hours", "min_units", "approval"})
        if not isinstance(approval := each.get("approval", False), bool):
            raise BadPlan([("steps", f"approval is true or false, got {approval!r}")])
        found.append(
            StepPlan(
                percent=_number(each, "percent", math.nan, within="steps"),
                min_hours=_number(each, "min_hours", 0.0, within="steps"),
                min_units=_whole(each, "min_units", within="steps") or 0,
                approval=approval,
            )
        )
    return tuple(found)


def _variant(value: object) -> VariantPlan:
    _mapping(value, "variants", {"key", "version", "weight"})
    assert isinstance(value, Mapping)
    version = _whole(value, "version", within="variants")
    if version is None:
        raise BadPlan([("variants", "each has the number of the version it serves")])
    return VariantPlan(
        _text(value, "key", "", within="variants"), version, _number(value, "weight", 1.0, within="variants")
    )


def _known(body: Mapping[str, Any], fields: frozenset[str]) -> None:
    if unknown := sorted(set(body) - fields):
        raise BadPlan([(str(name), "is no field of this request") for name in unknown])


def _mapping(value: object, field: str, keys: set[str]) -> None:
    if not isinstance(value, Mapping):
        raise BadPlan([(field, f"each is an object, got {value!r:.80}")])
    if unknown := sorted(set(value) - keys):
        raise BadPlan([(field, f"{name!r:.80} is no field of these") for name in unknown])


def _list(body: Mapping[str, Any], field: str) -> list[Any]:
    value = body.get(field, [])
    if not isinstance(value, list):
        raise BadPlan([(field, "is a list")])
    return value


def _text(body: Mapping[str, Any], field: str, default: str, *, within: str = "") -> str:
    value = body.get(field, default)
    if not isinstance(value, str) or len(value) > 200 or "\x00" in value:
        raise BadPlan([(within or field, f"{field} is a text of at most 200 characters")])
    return value


def _one_of(body: Mapping[str, Any], field: str, default: str, allowed: tuple[str, ...], *, within: str = "") -> Any:
    value = body.get(field, default)
    if value not in allowed:
        raise BadPlan([(within or field, f"{field} is one of {', '.join(allowed)}; got {value!r:.80}")])
    return value


def _optional(body: Mapping[str, Any], field: str) -> float | None:
    return None if body.get(field) is None else _number(body, field, 0.0)


def _number(body: Mapping[str, Any], field: str, default: float, *, within: str = "") -> float:
    value = body.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadPlan([(within or field, f"{field} is a number; got {value!r:.80}")])
    return float(value)


def _whole(body: Mapping[str, Any], field: str, *, within: str = "") -> int | None:
    value = body.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise BadPlan([(within or field, f"{field} is a whole number; got {value!r:.80}")])
    return value
