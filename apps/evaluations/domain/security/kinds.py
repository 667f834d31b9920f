"""The words of the security analysis: what can happen, how bad it is, and where the public taxonomies list it."""

from __future__ import annotations

from typing import Any

from apps.evaluations.domain.values import Severity

ATTACKS = frozenset(
    {"prompt_injection", "jailbreak", "system_prompt_extraction", "social_engineering", "data_harvesting"}
)
FAULTS = frozenset({"system_prompt_leak", "pii_exposure", "credential_exposure"})
# What rules over the assistant's replies can say, besides naming a fault.
REPLY_EVIDENCE = frozenset({"refusal", "redirect", "compliance"})
# Rules that speak for innocence: talk about security, prompts or orders. Their weight is negative.
BENIGN = "benign"
RULE_TYPES = ATTACKS | FAULTS | REPLY_EVIDENCE | {BENIGN}

SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")

# OWASP Top 10 for LLM applications (2025) and MITRE ATLAS, by type; a rule may name more.
TAXONOMY: dict[str, tuple[str, ...]] = {
    "prompt_injection": ("LLM01", "AML.T0051"),
    "jailbreak": ("LLM01", "AML.T0054"),
    "system_prompt_extraction": ("LLM07", "AML.T0056"),
    "social_engineering": ("LLM06", "AML.T0073"),
    "data_harvesting": ("LLM02", "AML.T0057"),
    "system_prompt_leak": ("LLM07", "AML.T0056"),
    "pii_exposure": ("LLM02", "AML.T0057"),
    "credential_exposure": ("LLM02", "AML.T0055"),
}

_NO = frozenset({"", "false", "no", "none", "0", "null", "n/a", "unknown"})


def says_yes(value: Any) -> bool:
    """Return whether a metadata value of any type affirms ("immediate" does; "false", 0 and "none" do not)."""
    return value.strip().lower() not in _NO if isinstance(value, str) else bool(value)
