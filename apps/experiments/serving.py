"""What prompts are served from: one frozen picture per organization, held in the process.

A fetch touches no database. The picture is looked over twice a second, by whichever request finds it old, with a few
counts; only when they moved is it read again. While the database is away the last picture goes on answering.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import connection
from django.db.models import Count, Sum

from apps.experiments.domain.assignment import Assigned, Split, assign
from apps.experiments.models import Experiment, Phase
from apps.experiments.selectors.experiments import split_of
from apps.library.domain.prompts import LATEST
from apps.library.selectors import ServedPrompt, ServedVersion, serving_prompts, serving_state
from apps.organizations.models import ApiKey, Organization
from apps.platform import clock
from apps.platform.api.problems import TRANSIENT
from apps.platform.tenancy import tenant

LOOKED_OVER_EVERY = 0.4
MOST_ORGANIZATIONS = 1_000
DEFAULT_LABEL = "production"
# So many ended experiments still answer which variant they left behind.
_REMEMBERED = 1_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ServingKey:
    """A key that may fetch: its hash, scopes and end."""

    sha256: str
    scopes: frozenset[str]
    expires_at: datetime | None


@dataclass(frozen=True)
class Live:
    """A live experiment of a prompt, as fetches see it."""

    experiment: str
    label: str
    split: Split


@dataclass(frozen=True)
class Picture:
    """One organization at one moment. ``live`` by prompt name; ``state`` changes when anything served may have.

    ``ended`` says which variant and version an experiment left behind, by its id.
    """

    organization_id: int
    clock_at: datetime | None
    keys: Mapping[str, ServingKey]
    prompts: Mapping[str, ServedPrompt]
    live: Mapping[str, Live]
    ended: Mapping[str, tuple[str, int]]
    state: tuple[Any, ...]

    @property
    def now(self) -> datetime:
        """The organization's time: a sandbox has its own."""
        return self.clock_at or clock.wall()


@dataclass(frozen=True)
class Served:
    """What a fetch answers: the version, the labels that name it, and the assignment if an experiment made one."""

    prompt: ServedPrompt
    version: ServedVersion
    labels: tuple[str, ...]
    live: Live | None
    assigned: Assigned | None


class _Held:
    """A picture and when it was last looked over."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.picture: Picture | None = None
        self.looked_at = 0.0


_held: OrderedDict[int, _Held] = OrderedDict()
_of_prefix: dict[str, int] = {}


def find(secret: str) -> tuple[Picture, ServingKey] | None:
    """Return the picture of the organization this key opens, and the key; None for one that opens none now.

    Raises a transient database error only where nothing is held yet.
    """
    parts = secret.split("_", 3)
    if len(parts) != 4 or parts[0] != "fw" or len(parts[2]) != 8 or not parts[2].isalnum():
        return None
    prefix = parts[2]
    organization_id = _of_prefix.get(prefix)
    if organization_id is None:
        organization_id = ApiKey.objects.filter(prefix=prefix).values_list("organization_id", flat=True).first()
        if organization_id is None:
            return None
        _of_prefix[prefix] = organization_id
    picture = _picture(organization_id)
    key = picture.keys.get(prefix)
    if key is None or not hmac.compare_digest(key.sha256, hashlib.sha256(secret.encode()).hexdigest()):
        return None
    if key.expires_at is not None and key.expires_at <= clock.wall():
        return None
    return picture, key


def serve(
    picture: Picture, name: str, *, unit: str | None = None, label: str | None = None, version: int | None = None
) -> Served | None:
    """Return what to serve; None where the prompt, the label or the version is not there.

    A version asked for by number is that version. A unit gets its variant where an experiment runs on the label asked
    for (default ``production``); everybody else what the label names, or control's version where it names none.
    """
    prompt = picture.prompts.get(name)
    if prompt is None:
        return None
    if version is not None:
        found = prompt.versions.get(version)
        return _answer(prompt, found) if found else None
    label = label or DEFAULT_LABEL
    live = picture.live.get(name)
    if live is not None and live.label == label:
        assigned = assign(live.split, unit) if unit else None
        if assigned is not None:
            return _answer(prompt, prompt.versions[assigned.arm.version], live, assigned)
        return _answer(prompt, prompt.versions[prompt.labels.get(label, live.split.arms[0].version)])
    number = prompt.latest if label == LATEST else prompt.labels.get(label)
    return _answer(prompt, prompt.versions[number]) if number is not None else None


def _answer(
    prompt: ServedPrompt, version: ServedVersion, live: Live | None = None, assigned: Assigned | None = None
) -> Served:
    labels = [label for label, number in prompt.labels.items() if number == version.number]
    return Served(prompt, version, tuple(sorted(labels)), live, assigned)


def sign(key: ServingKey, *parts: str) -> str:
    """Return the signature of what was served: HMAC-SHA256 under the SHA-256 of the caller's own key.

    Only the caller and we know that hash, so nobody between us can serve another prompt in our name.
    """
    return hmac.new(key.sha256.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()


def forget() -> None:
    """Drop every picture of this process: for tests, whose rows are rolled back under it."""
    _held.clear()
    _of_prefix.clear()


def _picture(organization_id: int) -> Picture:
    held = _held.get(organization_id)
    if held is None:
        held = _held.setdefault(organization_id, _Held())
        while len(_held) > MOST_ORGANIZATIONS:
            _held.popitem(last=False)
    if held.picture is not None and time.monotonic() - held.looked_at < LOOKED_OVER_EVERY:
        return held.picture
    # One request looks; the others go on with what is there, unless there is nothing.
    if not held.lock.acquire(blocking=held.picture is None):
        assert held.picture is not None
        return held.picture
    try:
        if held.picture is None or time.monotonic() - held.looked_at >= LOOKED_OVER_EVERY:
            _look(held, organization_id)
        assert held.picture is not None
        return held.picture
    finally:
        held.lock.release()


def _look(held: _Held, organization_id: int) -> None:
    try:
        held.picture = _read(organization_id, held.picture)
    except TRANSIENT as error:
        if held.picture is None:
            raise
        connection.close()
        log.warning("serving.picture_kept", organization=organization_id, error=type(error).__name__)
    held.looked_at = time.monotonic()


def _read(organization_id: int, before: Picture | None) -> Picture:
    organization = Organization.objects.only("sandbox", "clock_at").get(id=organization_id)
    rows = ApiKey.objects.filter(organization_id=organization_id, revoked_at=None).order_by("id")
    keys = {
        prefix: ServingKey(sha256, frozenset(scopes), expires_at)
        for prefix, sha256, scopes, expires_at in rows.values_list("prefix", "sha256", "scopes", "expires_at")
    }
    clock_at = organization.clock_at if organization.sandbox else None
    with tenant(organization_id):
        experiments = Experiment.objects.aggregate(n=Count("id"), revisions=Sum("revision"))
        state = (*serving_state(), experiments["n"], experiments["revisions"])
        if before is not None and before.state == state:
            return Picture(organization_id, clock_at, keys, before.prompts, before.live, before.ended, state)
        return Picture(organization_id, clock_at, keys, serving_prompts(), _live(), _ended(), state)


def _live() -> dict[str, Live]:
    experiments = Experiment.objects.select_related("prompt").filter(state__in=Experiment.SERVING)
    phases: dict[int, Phase] = {}
    for phase in Phase.objects.filter(experiment__in=experiments).order_by("number"):
        phases[phase.experiment_id] = phase
    return {
        each.prompt.name: Live(each.public_id, each.label, split_of(each, phases[each.id]))
        for each in experiments
        if each.id in phases
    }


def _ended() -> dict[str, tuple[str, int]]:
    ended = Experiment.objects.exclude(state__in=[Experiment.State.DRAFT, *Experiment.LIVE]).order_by("-id")
    found = {}
    for each in ended.only("public_id", "state", "winner", "plan")[:_REMEMBERED]:
        control, *_ = variants = each.plan["variants"]
        won = each.state == Experiment.State.PROMOTED
        left = next((variant for variant in variants if won and variant["key"] == each.winner), control)
        found[each.public_id] = (left["key"], left["version"])
    return found
