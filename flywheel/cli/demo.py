"""`flywheel demo`: a simulated week of production, pushed through the public API and analyzed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import subprocess
import sys
import time
from typing import Any

from flywheel.cli.up import choose_port
from flywheel.embedded.environment import Environment
from flywheel.embedded.supervisor import Supervisor, running

APPLICATION = "northwind-support"
WORKERS = 2


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("demo", help="simulate a week of production and analyze it")
    parser.add_argument("--per-week", type=_positive, default=10_000, help="conversations (default: 10,000)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another week (default: 7)")
    parser.add_argument(
        "--world", choices=("helpful", "null", "harmful"), default="helpful",
        help="what better prompts really do: help (default), nothing, or harm",
    )  # fmt: skip
    parser.add_argument(
        "--prompts", choices=("starting", "improved"), default="starting",
        help="what the simulated bot is told; the worlds differ only under improved prompts (default: starting)",
    )  # fmt: skip
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--no-serve", action="store_true", help="stop after the summary")
    return parser


def run(options: argparse.Namespace) -> int:
    """Start the product, live a week, print what was true and what was measured."""
    began = time.monotonic()
    table = options.format == "table"
    first = not (options.data_dir / "secrets.json").exists()
    with running(options.data_dir, port=choose_port(None), workers=WORKERS) as product:
        if table:
            _say(_started(product, first, time.monotonic() - began))
        access = _live(product, options, began)
        attached = not product.children
        if table and (attached or not options.no_serve):
            _say(access)
        if options.no_serve or attached:
            return 0
        if table:
            _say("Ctrl-C stops everything")
        product.serve()
    return 0


def _live(product: Supervisor, options: argparse.Namespace, began: float) -> str:
    """Live the week and print its summary; return the lines on how to look at it."""
    from apps.demo.client import Client
    from apps.demo.summary import summarize
    from apps.demo.summary_text import introduce, render_analyzed, render_captured
    from apps.demo.week import Captured, Plan, live_week

    organization = f"northwind-{options.seed}-{secrets.token_hex(3)}"
    client = Client(product.url, _make_key(product.environment, organization, options))
    plan = Plan(APPLICATION, options.per_week, options.seed, options.world, options.prompts)
    owner = _make_person(product.environment, organization, "ana@northwind.test", "owner", options)
    executive = _make_person(product.environment, organization, "eve@northwind.test", "executive", options)
    access = (
        f"Portal  {product.url}/     ana@northwind.test / {owner}     (executive: eve@northwind.test / {executive})\n"
        f"API     {product.url}/api/docs/     key of this demo: {client.key}"
    )
    if options.format == "json":
        summary = summarize(live_week(client, plan))
        summary["access"] = {
            "url": product.url, "organization": organization, "application": APPLICATION, "key": client.key,
            "owner": "ana@northwind.test", "password": owner,
        }  # fmt: skip
        _say(json.dumps(summary, indent=2))
        return access

    def on_captured(captured: Captured) -> None:
        _say(render_captured(captured))

    _say(introduce(plan))
    _say(render_analyzed(live_week(client, plan, on_captured=on_captured)))
    _say(f"{_duration(time.monotonic() - began)}. Try: flywheel demo --prompts improved --world helpful|null|harmful")
    return access


def _make_key(environment: Environment, organization: str, options: argparse.Namespace) -> str:
    scopes = ["--scope", "ingest", "--scope", "read", "--scope", "admin"]
    return _flywheel(environment, ["createkey", "--org", organization, "--sandbox", *scopes], options)


def _make_person(
    environment: Environment, organization: str, email: str, role: str, options: argparse.Namespace
) -> str:
    command = ["createuser", "--org", organization, "--email", email, "--role", role]
    return _flywheel(environment, [*command, *(["--staff"] if role == "owner" else [])], options)


def _flywheel(environment: Environment, arguments: list[str], options: argparse.Namespace) -> str:
    """Run another of our commands in a process of its own: this one stays a client of the API."""
    command = [sys.executable, "-m", "flywheel.cli", *arguments, "--data-dir", str(options.data_dir)]
    done = subprocess.run(command, env=environment.variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(f"flywheel {arguments[0]} failed: {done.stderr[-1000:]}")
    return done.stdout.strip()


def _started(product: Supervisor, first: bool, seconds: float) -> str:
    """Return the first line: what was set up, and how long it took."""
    title = "Flywheel · first run" if first else "Flywheel · again"
    parts = [f"python {platform.python_version()} ✓"]
    # `make` says here how long the installation took, when it has just happened.
    if installed := os.environ.get("FLYWHEEL_SETUP_SECONDS"):
        parts.append(f"dependencies {installed} s")
    if not product.children:
        parts.append(f"attached to the product at {product.url}")
    else:
        environment = product.environment
        services = [name for name, own in (("PostgreSQL", environment.postgres), ("Valkey", environment.valkey)) if own]
        parts.append(f"{', '.join([*services, 'web'])}, {WORKERS} workers {seconds:.0f} s")
    return f"{title:<40}" + "  ".join(parts)


def _duration(seconds: float) -> str:
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds >= 60 else f"{seconds:.0f} s"


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a week has at least one conversation")
    return number


def _say(text: str) -> None:
    print(text, flush=True)
