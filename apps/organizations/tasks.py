"""What an organization has asked to be told of, told by workers."""

from __future__ import annotations

from apps.organizations.services import delivering
from apps.platform import clock, work
from apps.platform.outbox import DELIVER


@work.performs(DELIVER, time_limit=60)
def deliver(*, organization_id: int, key: str) -> None:
    """Try one delivery once."""
    delivering.deliver(organization_id=organization_id, delivery_id=int(key), at=clock.wall())
