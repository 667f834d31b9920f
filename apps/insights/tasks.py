"""Alerts, sent by workers."""

from __future__ import annotations

from apps.insights.services import alerting
from apps.platform import work


@work.performs(alerting.SEND, time_limit=120)
def send_alerts(*, organization_id: int, key: str) -> None:
    """Send what is due of one subscription."""
    alerting.send_due(organization_id=organization_id, subscription_id=key)
