"""Lives one simulated week against a running product: a client that pushes, waits and reads, and nothing more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from apps.demo.client import Client
from apps.demo.counting import TrueCounts
from apps.demo.production import SimulatedConversation, simulate_week
from apps.demo.prompts import PromptLookup, serve_improved_prompts, serve_starting_prompts
from apps.demo.pusher import Pushed, Stored, post_outcomes, push, wait, wait_until_analyzed
from apps.demo.truth import World, truth_table

START = datetime(2026, 11, 2, tzinfo=UTC)
PROMPTS: dict[str, PromptLookup] = {"starting": serve_starting_prompts, "improved": serve_improved_prompts}
# What the product's words call a fault of the assistant; every other incident is an attack.
FAULTS = frozenset({"system_prompt_leak", "pii_exposure", "credential_exposure"})
_JSON = {"Content-Type": "application/json"}


class Plan(msgspec.Struct, frozen=True):
    """Which week to live. ``prompts`` names those the bot is served, a key of PROMPTS."""

    application: str
    conversations: int = 10_000
    seed: int = 7
    world: World = "helpful"
    prompts: str = "starting"


class Captured(msgspec.Struct, frozen=True):
    """What capture said. ``lost`` counts conversations that were not stored; ``seconds`` end with the last 202."""

    conversations: int
    pushed: Pushed
    stored: Stored
    seconds: float

    @property
    def lost(self) -> int:
        return self.conversations - self.stored.conversations


class Flagged(msgspec.Struct, frozen=True):
    """A conversation in which the product found something. ``outcomes`` are those of its attacks."""

    session_id: str
    attacks: tuple[str, ...]
    faults: tuple[str, ...]
    outcomes: tuple[str, ...]


class Lived(msgspec.Struct, frozen=True):
    """A week gone by: the truth, and everything that was read back from the product."""

    plan: Plan
    truth: TrueCounts
    captured: Captured
    metrics: dict[str, Any]
    flagged: tuple[Flagged, ...]
    analyze_seconds: float


def live_week(client: Client, plan: Plan, *, on_captured: Callable[[Captured], None] = lambda captured: None) -> Lived:
    """Push the week, wait until it is analyzed, and read the results. Raises as Client.call, wait and push.

    The sandbox clock stands at the end of the week: its log is delivered then, as a nightly shipper would.
    ``on_captured`` is called once everything is stored.
    """
    prompts = PROMPTS[plan.prompts]
    _configure(client, plan, prompts)
    truth, late = TrueCounts(), list[dict[str, Any]]()

    def remember(simulated: SimulatedConversation) -> list[dict[str, Any]]:
        truth.add(simulated)
        late.extend(simulated.outcomes)
        return simulated.records

    week = simulate_week(
        seed=plan.seed, conversations=plan.conversations, world=plan.world, start=START, prompts=prompts
    )
    began = time.monotonic()
    pushed = push(client, map(remember, week), application=plan.application, clients=2)
    accepted = time.monotonic()
    stored = wait(client, pushed.batches, until="stored")
    captured = Captured(truth.conversations, pushed, stored, accepted - began)
    on_captured(captured)
    post_outcomes(client, late, application=plan.application)
    wait(client, pushed.batches)
    wait_until_analyzed(client, application=plan.application)
    analyzed = time.monotonic()
    return Lived(
        plan=plan,
        truth=truth,
        captured=captured,
        metrics=client.call("GET", f"/api/v1/metrics?application={plan.application}"),
        flagged=tuple(read_flagged(client, plan.application)),
        analyze_seconds=analyzed - accepted,
    )


def read_flagged(client: Client, application: str) -> list[Flagged]:
    """Return the conversations in which an incident was found, in the order of the API."""
    found = []
    path = f"/api/v1/conversations?application={application}&min_risk=0.1"
    while path:
        page = client.call("GET", path)
        found += [_flagged(row) for row in page["results"] if row["security"]["incidents"]]
        path = page["next"].removeprefix(client.url) if page["next"] else ""
    return found


def _flagged(row: dict[str, Any]) -> Flagged:
    incidents = row["security"]["incidents"]
    attacks = [incident for incident in incidents if incident["type"] not in FAULTS]
    return Flagged(
        session_id=row["session_id"],
        attacks=tuple(incident["type"] for incident in attacks),
        faults=tuple(incident["type"] for incident in incidents if incident["type"] in FAULTS),
        outcomes=tuple(incident["outcome"] for incident in attacks),
    )


def _configure(client: Client, plan: Plan, prompts: PromptLookup) -> None:
    """Tell the product what any customer would: the system prompt, the plans, and that the week is over."""
    profile = {
        "system_prompt": prompts("", "support").text,
        "plans": [{"name": name, "monthly_price": f"{price:.2f}"} for name, price in truth_table().plans.items()],
    }
    client.call("PUT", f"/api/v1/applications/{plan.application}/profile", json.dumps(profile).encode(), _JSON)
    # The last second of it, so that "the last seven days" are this week.
    end = (START + timedelta(days=7, seconds=-1)).isoformat()
    client.call("POST", "/api/v1/sandbox/clock", json.dumps({"at": end}).encode(), _JSON)
