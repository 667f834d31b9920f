"""Alerts, and what is told of between two cycles: done by workers."""

from __future__ import annotations

from apps.insights.services import alerting, live
from apps.platform import work


@work.performs(alerting.SEND, time_limit=120)
def send_alerts(*, organization_id: int, key: str) -> None:
    """Send what is due of one subscription."""
    alerting.send_due(organization_id=organization_id, subscription_id=key)


@work.performs(live.LOOK, time_limit=120)
def look_live(*, organization_id: int, key: str) -> None:
    """Look at the last day of one application for what cannot wait."""
    live.look_live(organization_id=organization_id, application_id=int(key))
