"""Security analysis: attacks and what became of them, from text and from metadata."""

from apps.evaluations.domain.security.analyzer import VERSION, SecurityAnalyzer
from apps.evaluations.domain.security.rulepack import Rule, builtin_rules, check_rule_pack
from apps.evaluations.domain.security.scorer import Scorer

__all__ = ["VERSION", "Rule", "Scorer", "SecurityAnalyzer", "builtin_rules", "check_rule_pack"]
