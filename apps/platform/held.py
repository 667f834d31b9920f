"""Pictures held in the process and kept fresh by a thread of it, so that who reads one does not wait for the database.

Only what is asked for is looked over: a picture that nobody reads costs nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection

from apps.platform.api.problems import TRANSIENT

LOOKED_OVER_EVERY_S = 0.3
# One that was not read for longer than this is waited for, so that the first to come again sees what is true now …
_TOO_OLD_S = 0.6
# … but no longer than this, and not at all while the database is known to be away.
_PATIENCE_S = 0.25
_PAUSE_AFTER_FAILURE_S = 0.2
_MOST = 1_000

log = structlog.get_logger(__name__)
Picture = TypeVar("Picture")


class _Entry(Generic[Picture]):
    """One organization's picture: when it was last looked over, and whether the thread is asked to do so now."""

    def __init__(self) -> None:
        self.first = threading.Lock()
        self.picture: Picture | None = None
        self.looked_at = 0.0
        self.asked = False
        self.looked = threading.Event()

    def age(self) -> float:
        return time.monotonic() - self.looked_at


class Held(Generic[Picture]):
    """The newest pictures of the organizations last read. ``read`` makes one, given the one before.

    When ``read`` says that an organization is not there (any), it is forgotten; when it fails, the last picture stays.
    """

    def __init__(self, read: Callable[[int, Picture | None], Picture]) -> None:
        self._read = read
        self._entries: OrderedDict[int, _Entry[Picture]] = OrderedDict()
        self._to_look: SimpleQueue[int] = SimpleQueue()
        self._thread: tuple[int, threading.Thread] | None = None
        self._starting = threading.Lock()
        self._looking_since: float | None = None
        self._failed = False

    def get(self, organization_id: int) -> Picture:
        """Return the organization's picture. Raises what ``read`` raises only where none is held yet."""
        entry = self._entries.get(organization_id)
        if entry is None or entry.picture is None:
            return self._take_first(organization_id)
        picture, age = entry.picture, entry.age()
        if age < LOOKED_OVER_EVERY_S:
            return picture
        if not entry.asked:
            entry.asked = True
            entry.looked.clear()
            self._to_look.put(organization_id)
            self._keep_looking()
        if age < _TOO_OLD_S or self._is_stuck():
            return picture
        entry.looked.wait(_PATIENCE_S)
        return entry.picture

    def renew(self, organization_id: int) -> Picture:
        """Return the organization's picture as it is now: something is known to be missing in the one held."""
        self._entries.pop(organization_id, None)
        return self.get(organization_id)

    def forget(self) -> None:
        """Drop every picture."""
        self._entries.clear()

    def _take_first(self, organization_id: int) -> Picture:
        entry = self._entries.setdefault(organization_id, _Entry())
        while len(self._entries) > _MOST:
            self._entries.popitem(last=False)
        with entry.first:
            if entry.picture is None:
                try:
                    entry.picture = self._read(organization_id, None)
                except ObjectDoesNotExist:
                    self._entries.pop(organization_id, None)
                    raise
                entry.looked_at = time.monotonic()
            return entry.picture

    def _is_stuck(self) -> bool:
        since = self._looking_since
        return self._failed or (since is not None and time.monotonic() - since > _PATIENCE_S)

    def _keep_looking(self) -> None:
        """Have a thread of this process look; a forked process starts its own."""
        if self._thread is not None and self._thread[0] == os.getpid() and self._thread[1].is_alive():
            return
        with self._starting:
            if self._thread is None or self._thread[0] != os.getpid() or not self._thread[1].is_alive():
                thread = threading.Thread(target=self._look_forever, daemon=True, name="pictures")
                self._thread = (os.getpid(), thread)
                thread.start()

    def _look_forever(self) -> None:
        while True:
            organization_id = self._to_look.get()
            entry = self._entries.get(organization_id)
            if entry is None or entry.picture is None:
                continue
            self._looking_since = time.monotonic()
            self._failed = not self._look(organization_id, entry)
            self._looking_since = None
            entry.asked = False
            entry.looked.set()
            if self._failed:
                time.sleep(_PAUSE_AFTER_FAILURE_S)

    def _look(self, organization_id: int, entry: _Entry[Picture]) -> bool:
        """Look over one picture; return whether that could be done."""
        try:
            entry.picture = self._read(organization_id, entry.picture)
        except ObjectDoesNotExist:
            self._entries.pop(organization_id, None)
        except Exception as error:
            # Whatever it is, the thread goes on: nobody else keeps the pictures of this process fresh.
            if isinstance(error, TRANSIENT):
                log.warning("serving.picture_kept", organization=organization_id, error=type(error).__name__)
            else:
                log.exception("serving.picture_kept", organization=organization_id)
            return False
        finally:
            connection.close()  # back to the pool
        entry.looked_at = time.monotonic()
        return True
