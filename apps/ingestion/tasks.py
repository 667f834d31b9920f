"""Capture's work, as Celery sees it."""

from apps.ingestion.services import storing
from apps.platform import work


def _mark_failed(*, organization_id: int, key: str) -> None:
    storing.mark_failed(organization_id=organization_id, batch_id=key)


@work.performs("ingestion.store_batch", on_parked=_mark_failed)
def store_batch(*, organization_id: int, key: str) -> None:
    """Store one accepted batch."""
    storing.store_batch(organization_id=organization_id, batch_id=key)
