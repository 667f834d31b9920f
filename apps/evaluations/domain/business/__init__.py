"""What a conversation did for the business: the upsell funnel, money counted once, churn, enterprise leads."""

from apps.evaluations.domain.business.analyzer import VERSION, BusinessAnalyzer

__all__ = ["VERSION", "BusinessAnalyzer"]
