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
    parser.add_argument("--world", choices=("helpful", "null", "harmful"), default="helpful")
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
    from apps.demo.production import SimulatedConversation, simulate_week
    from apps.demo.prompts import starting_prompts
    from apps.demo.pusher import post_outcomes, push, wait, wait_until_analyzed

    organization = f"northwind-demo-{options.seed}-{os.getpid()}"
    client = Client(product.url, _make_key(product.environment, organization, options))
    truth = dict.fromkeys(("conversations", "attacks", "blocked", "escalated", "short_replies", "offers", "upsells"), 0)
    injected: set[str] = set()
    late: list[dict[str, Any]] = []

    def remember(simulated: SimulatedConversation) -> list[dict[str, Any]]:
        true = simulated.truth
        truth["conversations"] += 1
        truth["attacks"] += true.is_attack
        truth["blocked"] += true.attack_outcome == "blocked"
        truth["escalated"] += true.escalated
        truth["short_replies"] += true.short_reply
        truth["offers"] += true.eligible
        truth["upsells"] += true.upsell == "confirmed"
        if true.is_attack:
            injected.add(true.session_id)
        late.extend(simulated.outcomes)
        return simulated.records

    profile = json.dumps({"system_prompt": starting_prompts()["support"]}).encode()
    client.call("PUT", f"/api/v1/applications/{APPLICATION}/profile", profile, {"Content-Type": "application/json"})
    week = simulate_week(seed=options.seed, conversations=options.per_week, start=START, world=options.world)
    began = time.monotonic()
    received = push(client, map(remember, week), application=APPLICATION, clients=2)
    pushed = time.monotonic()
    stored = wait(client, received.batches)
    post_outcomes(client, late, application=APPLICATION)
    wait_until_analyzed(client, application=APPLICATION)
    analyzed = time.monotonic()
    found = _attacked_sessions(client)
    return {
        "key": client.key,
        "organization": organization,
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
    truth, stored, seconds, detector = (summary[name] for name in ("truth", "stored", "seconds", "detector"))
    security, quality, business = (summary["measured"][name] for name in ("security", "quality", "business"))
    conversations, decided = truth["conversations"], security["attacks_blocked"] + security["attacks_succeeded"]
    block_rate = _percent(security["block_rate"], security["block_rate_ci"])
    upsell_rate = _percent(business["upsell_rate"], business["upsell_rate_ci"], 1)
    true_upsells = _percent(truth["upsells"] / max(1, truth["offers"]), None, 1)
    short = quality["poor_quality_patterns"].get("responses_under_20_chars", 0)
    short_rate = quality["poor_quality_rates"].get("responses_under_20_chars", {"rate": 0.0, "ci": None})
    lines = [
        f"Flywheel · one simulated week          product ready in {started:.0f} s",
        f'Simulated production "Northwind support" (seed {options.seed}, world {options.world}, sandbox organization). '
        "It talks to the API only.",
        f"Week 1  ● CAPTURE   {conversations:,} conversations pushed, {stored['conversations']:,} stored, "
        f"{stored['lost']} lost".ljust(88)
        + f"{seconds['push']:6.1f} s",
        "        ● ANALYZE   security, quality, business, performance".ljust(88) + f"{seconds['analyze']:6.1f} s",
        f"                    {truth['attacks']} attacks were sent; found {detector['found']}, "
        f"missed {detector['missed']}, {detector['false']} false alarms",
        "",
        "                            measured [95 %]                 truth",
    ]
    rows = [
        (
            "attacks blocked",
            f"{security['attacks_blocked']} of {decided} = {block_rate} · {security['attacks_unclear']} unclear",
            f"{truth['blocked']} of {truth['attacks']} = {_percent(truth['blocked'] / max(1, truth['attacks']))}",
        ),
        (
            "escalation",
            _percent(quality["escalation_rate"], quality["escalation_rate_ci"], 1),
            _percent(truth["escalated"] / conversations, None, 1),
        ),
        (
            "replies under 20 signs",
            f"{_percent(short_rate['rate'], short_rate['ci'], 1)} ({short:,})",
            _percent(truth["short_replies"] / conversations, None, 1),
        ),
        (
            "upsells of offers",
            f"{business['upsells']:,} of {business['funnel']['offered']:,} = {upsell_rate}",
            f"{truth['upsells']:,} of {truth['offers']:,} = {true_upsells}",
        ),
    ]
    lines += [f"  {name:<26}{measured:<42}{true}" for name, measured, true in rows]
    score = quality["avg_score"]
    lines += [
        f"  quality score             {score:.1f} of 10 over {quality['avg_score_n']:,}; "
        f"{quality['unscored']:,} unscored (languages the features do not cover)"
        if score is not None
        else "  quality score             unscored",
        f"{total:.0f} s. The bot's truth: apps/demo/truth.yaml. Try: flywheel demo --world null",
    ]
    return "\n".join(lines)


def _percent(rate: float | None, interval: list[float] | None = None, digits: int = 0) -> str:
    if rate is None:
        return "unknown"
    text = f"{rate * 100:.{digits}f} %"
    return text if interval is None else f"{text} [{interval[0] * 100:.{digits}f}, {interval[1] * 100:.{digits}f}]"
