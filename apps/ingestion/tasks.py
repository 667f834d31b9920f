"""Capture's work, as Celery sees it."""

from celery import shared_task

from apps.ingestion.services import storing
from apps.platform import work


@shared_task(name="ingestion.store_batch", time_limit=300)
def store_batch(*, organization_id: int, key: str) -> None:
    """Store one accepted batch."""
    work.perform(
        "ingestion.store_batch",
        organization_id=organization_id,
        key=key,
        work=lambda: storing.store_batch(organization_id=organization_id, batch_id=key),
        on_parked=lambda: storing.mark_failed(organization_id=organization_id, batch_id=key),
    )
