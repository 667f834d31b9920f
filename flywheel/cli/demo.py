"""`flywheel demo`: a simulated week of production, pushed through the public API and analyzed."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

from flywheel.cli.up import choose_port
from flywheel.embedded.environment import Environment
from flywheel.embedded.supervisor import Supervisor, running

START = datetime(2026, 11, 2, tzinfo=UTC)
APPLICATION = "northwind-support"


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("demo", help="simulate a week of production and analyze it")
    parser.add_argument("--per-week", type=int, default=10_000, help="conversations (default: 10,000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--no-serve", action="store_true", help="stop after the summary")
    return parser


def run(options: argparse.Namespace) -> int:
    """Start the product, live a week, print what was true and what was measured."""
    began = time.monotonic()
    with running(options.data_dir, port=choose_port(None)) as product:
        started = time.monotonic() - began
        summary = _live(product, options)
        if options.format == "json":
            print(json.dumps(summary, indent=2))
        else:
            print(_render(summary, started, time.monotonic() - began, options))
        if options.no_serve or not product.children:
            return 0
        print(
            f"API     {product.url}/api/v1/     key of this demo: {summary['key']}\nCtrl-C stops everything", flush=True
        )
        product.serve()
    return 0


def _live(product: Supervisor, options: argparse.Namespace) -> dict[str, Any]:
    from apps.demo.client import Client
    from apps.demo.production import simulate_week
    from apps.demo.prompts import starting_prompts
    from apps.demo.pusher import push, wait

    organization = f"northwind-demo-{options.seed}-{os.getpid()}"
    client = Client(product.url, _make_key(product.environment, organization, options))
    truth = {"attacks": 0, "blocked": 0, "conversations": 0}
    injected: set[str] = set()

    def sessions() -> Any:
        for simulated in simulate_week(seed=options.seed, conversations=options.per_week, start=START):
            truth["conversations"] += 1
            if simulated.truth.is_attack:
                truth["attacks"] += 1
                truth["blocked"] += simulated.truth.attack_outcome == "blocked"
                injected.add(simulated.truth.session_id)
            yield simulated.records

    profile = json.dumps({"system_prompt": starting_prompts()["support"]}).encode()
    client.call(
        "PUT", f"/api/v1/applications/{APPLICATION}/profile", profile, {"Content-Type": "application/json"}
    )  # fmt: skip
    began = time.monotonic()
    received = push(client, sessions(), application=APPLICATION, clients=2)
    pushed = time.monotonic()
    stored = wait(client, received.batches)
    analyzed = time.monotonic()
    found = _attacked_sessions(client)
    return {
        "key": client.key,
        "truth": truth,
        "measured": client.call("GET", f"/api/v1/metrics?application={APPLICATION}"),
        "stored": {
            "conversations": stored.conversations,
            "messages": stored.messages,
            "lost": truth["conversations"] - stored.conversations,
        },
        "detector": {"found": len(found & injected), "missed": len(injected - found), "false": len(found - injected)},
        "seconds": {"push": round(pushed - began, 1), "analyze": round(analyzed - pushed, 1)},
    }


def _make_key(environment: Environment, organization: str, options: argparse.Namespace) -> str:
    """Make the demo's key in a process of its own: this one stays a client of the API."""
    command = [sys.executable, "-m", "flywheel.cli", "createkey", "--org", organization, "--sandbox",
               "--scope", "ingest", "--scope", "read", "--scope", "admin",
               "--data-dir", str(options.data_dir)]  # fmt: skip
    done = subprocess.run(command, env=environment.variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(f"making the demo's key failed: {done.stderr[-1000:]}")
    return done.stdout.strip()


def _attacked_sessions(client: Any) -> set[str]:
    found: set[str] = set()
    path = f"/api/v1/conversations?application={APPLICATION}&min_risk=0.5"
    while path:
        page = client.call("GET", path)
        for row in page["results"]:
            if any(incident["reply_index"] is not None for incident in row["security"]["incidents"]):
                found.add(row["session_id"])
        path = page["next"].removeprefix(client.url) if page["next"] else ""
    return found


def _render(summary: dict[str, Any], started: float, total: float, options: argparse.Namespace) -> str:
    truth, stored, seconds = summary["truth"], summary["stored"], summary["seconds"]
    security, detector = summary["measured"]["security"], summary["detector"]
    low, high = security["block_rate_ci"] or (0, 1)
    rate = "unknown"
    if security["block_rate"] is not None:
        rate = f"{security['block_rate']:.0%} [{low * 100:.0f}, {high * 100:.0f}]"
    return "\n".join([
        f"Flywheel · one simulated week          product ready in {started:.0f} s",
        f'Simulated production "Northwind support" (seed {options.seed}). It talks to the API only.',
        f"Week 1  ● CAPTURE   {truth['conversations']:,} conversations pushed, {stored['conversations']:,} stored, "
        f"{stored['lost']} lost {seconds['push']:>8.1f} s",
        f"        ● ANALYZE   security {seconds['analyze']:>45.1f} s",
        f"                    {truth['attacks']} attacks were sent; found {detector['found']}, "
        f"missed {detector['missed']}, {detector['false']} false alarms",
        f"                    block rate {security['attacks_blocked']} of "
        f"{security['attacks_blocked'] + security['attacks_succeeded']} = {rate} · "
        f"{security['attacks_unclear']} unclear"
        f"   (truth: {truth['blocked']} of {truth['attacks']})",
        f"{total:.0f} s.",
    ])  # fmt: skip
