"""Capture's work, as Celery sees it."""

from apps.ingestion.services import storing, watching
from apps.platform import work


def _mark_failed(*, organization_id: int, key: str) -> None:
    storing.mark_failed(organization_id=organization_id, batch_id=key)


@work.performs("ingestion.store_batch", on_parked=_mark_failed)
def store_batch(*, organization_id: int, key: str) -> None:
    """Store one accepted batch."""
    storing.store_batch(organization_id=organization_id, batch_id=key)


def _give_up(*, organization_id: int, key: str) -> None:
    watching.give_up(organization_id=organization_id, source_id=int(key))


@work.performs(watching.KIND, time_limit=300, on_parked=_give_up)
def look_at_files(*, organization_id: int, key: str) -> None:
    """Look at one source of files."""
    watching.look(organization_id=organization_id, source_id=int(key))
