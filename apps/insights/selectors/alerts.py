"""Reads of who hears of what. Call inside tenant(...)."""

from __future__ import annotations

from apps.insights.models import Alert, AlertSubscription


def list_subscriptions() -> list[AlertSubscription]:
    """Return who hears of new insights, oldest first."""
    return list(AlertSubscription.objects.select_related("endpoint", "person").order_by("id")[:500])


def find_subscription(public_id: str) -> AlertSubscription | None:
    """Return the subscription of this id."""
    return AlertSubscription.objects.select_related("endpoint").filter(public_id=public_id).first()


def recent_alerts(subscription_id: int, *, limit: int) -> list[Alert]:
    """Return the newest alerts of a subscription with their insights."""
    rows = Alert.objects.select_related("insight__application").filter(subscription_id=subscription_id)
    return list(rows.order_by("-id")[:limit])
