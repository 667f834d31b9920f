"""Security analysis: attacks and what became of them, from text and from metadata."""

from apps.evaluations.domain.security.analyzer import VERSION, SecurityAnalyzer
from apps.evaluations.domain.security.rules import Rule, builtin_rules

__all__ = ["VERSION", "Rule", "SecurityAnalyzer", "builtin_rules"]
