"""What is served without the database: one frozen picture per organization, held in the process.

While it is in use a picture is looked over a few times a second beside the requests, with a few counts; only when they
moved is it read again. While the database is away the last picture goes on answering, and nobody waits.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from apps.organizations.models import ApiKey, Organization
from apps.platform import clock
from apps.platform.held import Held
from apps.platform.tenancy import tenant

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


class Pictures(Generic[Content]):
    """The pictures of one kind. ``state`` and ``read`` are called inside tenant(...)."""

    def __init__(self, *, state: Callable[[], Hashable], read: Callable[[], Content]) -> None:
        self._state, self._read = state, read
        self._held: Held[Picture[Content]] = Held(self._read_picture)
        self._of_prefix: dict[str, int] = {}

    def find(self, secret: str) -> tuple[Picture[Content], ServingKey] | None:
        """Return the picture of the organization this key opens, and the key; None for one that opens none now.

        Raises a transient database error only where nothing is held yet.
        """
        parts = secret.split("_", 3)
        if len(parts) != 4 or parts[0] != "fw" or len(parts[2]) != 8 or not parts[2].isalnum():
            return None
        try:
            picture = self._picture_of(parts[2])
        except Organization.DoesNotExist:
            return None
        if picture is None or (key := picture.keys.get(parts[2])) is None:
            return None
        if not hmac.compare_digest(key.sha256, hashlib.sha256(secret.encode()).hexdigest()):
            return None
        if key.expires_at is not None and key.expires_at <= clock.wall():
            return None
        return picture, key

    def forget(self) -> None:
        """Drop every picture of this process: for tests, whose rows are rolled back under it."""
        self._held.forget()
        self._of_prefix.clear()

    def _picture_of(self, prefix: str) -> Picture[Content] | None:
        organization_id = self._of_prefix.get(prefix)
        if organization_id is not None:
            return self._held.get(organization_id)
        organization_id = ApiKey.objects.filter(prefix=prefix).values_list("organization_id", flat=True).first()
        if organization_id is None:
            return None
        self._of_prefix[prefix] = organization_id
        picture = self._held.get(organization_id)
        # A key that was just made works at once, however young the picture that does not know it.
        return picture if prefix in picture.keys else self._held.renew(organization_id)

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
