"""The tick: every 15 s, hints are sent again for work whose message or worker was lost."""

from celery import shared_task
from django.conf import settings

from apps.platform import clock, work


@shared_task(name="platform.tick", time_limit=60)
def tick() -> None:
    """Send a hint for everything that waits, and have each app look for what has become due."""
    for name in settings.TICKS:
        work.send_tick(name)
    for item in work.waiting(clock.wall()):
        work.send_hint(item.kind, organization_id=item.organization_id, key=item.key)
