"""What is served without the database: one frozen picture per organization, held in the process.

A picture is looked over a few times a second, by whichever request finds it old, with a few counts; only when they
moved is it read again. While the database is away the last picture goes on answering.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

import structlog
from django.db import connection

from apps.organizations.models import ApiKey, Organization
from apps.platform import clock
from apps.platform.api.problems import TRANSIENT
from apps.platform.tenancy import tenant

LOOKED_OVER_EVERY = 0.4
MOST_ORGANIZATIONS = 1_000

log = structlog.get_logger(__name__)
Content = TypeVar("Content")


@dataclass(frozen=True)
class ServingKey:
    """A key that may be answered: its hash, scopes and end, and the application it is bound to."""

    sha256: str
    scopes: frozenset[str]
    expires_at: datetime | None
    application_id: int | None


@dataclass(frozen=True)
class Picture(Generic[Content]):
    """One organization at one moment; ``state`` changes when anything in ``content`` may have."""

    organization_id: int
    clock_at: datetime | None
    keys: Mapping[str, ServingKey]
    content: Content
    state: Hashable

    @property
    def now(self) -> datetime:
        """The organization's time: a sandbox has its own."""
        return self.clock_at or clock.wall()


class _Held(Generic[Content]):
    """A picture and when it was last looked over."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.picture: Picture[Content] | None = None
        self.looked_at = 0.0


class Pictures(Generic[Content]):
    """The pictures of one kind. ``state`` and ``read`` are called inside tenant(...)."""

    def __init__(self, *, state: Callable[[], Hashable], read: Callable[[], Content]) -> None:
        self._state, self._read = state, read
        self._held: OrderedDict[int, _Held[Content]] = OrderedDict()
        self._of_prefix: dict[str, int] = {}

    def find(self, secret: str) -> tuple[Picture[Content], ServingKey] | None:
        """Return the picture of the organization this key opens, and the key; None for one that opens none now.

        Raises a transient database error only where nothing is held yet.
        """
        parts = secret.split("_", 3)
        if len(parts) != 4 or parts[0] != "fw" or len(parts[2]) != 8 or not parts[2].isalnum():
            return None
        prefix = parts[2]
        organization_id = self._of_prefix.get(prefix)
        if organization_id is None:
            organization_id = ApiKey.objects.filter(prefix=prefix).values_list("organization_id", flat=True).first()
            if organization_id is None:
                return None
            self._of_prefix[prefix] = organization_id
        picture = self._picture(organization_id)
        key = picture.keys.get(prefix)
        if key is None or not hmac.compare_digest(key.sha256, hashlib.sha256(secret.encode()).hexdigest()):
            return None
        if key.expires_at is not None and key.expires_at <= clock.wall():
            return None
        return picture, key

    def forget(self) -> None:
        """Drop every picture of this process: for tests, whose rows are rolled back under it."""
        self._held.clear()
        self._of_prefix.clear()

    def _picture(self, organization_id: int) -> Picture[Content]:
        held = self._held.get(organization_id)
        if held is None:
            held = self._held.setdefault(organization_id, _Held())
            while len(self._held) > MOST_ORGANIZATIONS:
                self._held.popitem(last=False)
        if held.picture is not None and time.monotonic() - held.looked_at < LOOKED_OVER_EVERY:
            return held.picture
        # One request looks; the others go on with what is there, unless there is nothing.
        if not held.lock.acquire(blocking=held.picture is None):
            assert held.picture is not None
            return held.picture
        try:
            if held.picture is None or time.monotonic() - held.looked_at >= LOOKED_OVER_EVERY:
                self._look(held, organization_id)
            assert held.picture is not None
            return held.picture
        finally:
            held.lock.release()

    def _look(self, held: _Held[Content], organization_id: int) -> None:
        try:
            held.picture = self._read_picture(organization_id, held.picture)
        except TRANSIENT as error:
            if held.picture is None:
                raise
            connection.close()
            log.warning("serving.picture_kept", organization=organization_id, error=type(error).__name__)
        held.looked_at = time.monotonic()

    def _read_picture(self, organization_id: int, before: Picture[Content] | None) -> Picture[Content]:
        organization = Organization.objects.only("sandbox", "clock_at").get(id=organization_id)
        clock_at = organization.clock_at if organization.sandbox else None
        rows = ApiKey.objects.filter(organization_id=organization_id, revoked_at=None).order_by("id")
        keys = {
            prefix: ServingKey(sha256, frozenset(scopes), expires_at, application_id)
            for prefix, sha256, scopes, expires_at, application_id in rows.values_list(
                "prefix", "sha256", "scopes", "expires_at", "application_id"
            )
        }
        with tenant(organization_id):
            state = self._state()
            if before is not None and before.state == state:
                return replace(before, clock_at=clock_at, keys=keys)
            return Picture(organization_id, clock_at, keys, self._read(), state)


def sign(key: ServingKey, *parts: str) -> str:
    """Return the signature of what was served: HMAC-SHA256 under the SHA-256 of the caller's own key.

    Only the caller and we know that hash, so nobody between us can serve something else in our name.
    """
    return hmac.new(key.sha256.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()
