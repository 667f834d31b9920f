"""`flywheel demo`: simulated weeks of production, pushed through the public API, while the wheel turns."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from apps.demo import month
from apps.demo.client import Client
from apps.demo.model import SimulatedModel
from apps.demo.month import STAGES, LoopCut
from apps.demo.month_text import Teller, introduce_month, render_month, summarize_month
from apps.demo.summary import summarize
from apps.demo.summary_text import introduce, render_analyzed, render_captured
from apps.demo.week import Captured, Plan, live_week
from flywheel.embedded.environment import Environment
from flywheel.embedded.ports import free_port
from flywheel.embedded.process import die_with_parent
from flywheel.embedded.supervisor import Supervisor, running

APPLICATION = "northwind-support"
WORKERS = 2
SCOPES = ("ingest", "read", "prompts", "experiments", "guardrails", "reports", "admin")
PEOPLE = {
    "ana@northwind.test": ("--role", "owner", "--team", "security"),
    "eve@northwind.test": ("--role", "executive", "--team", "business"),
}


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo", help="simulate weeks of production and turn the wheel"
    )
    parser.add_argument("--weeks", type=_positive, default=4, help="weeks to live (default: 4; 1: analyze only)")
    parser.add_argument("--per-week", type=_positive, default=10_000, help="conversations (default: 10,000)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another week (default: 7)")
    parser.add_argument(
        "--world", choices=("helpful", "null", "harmful"), default="helpful",
        help="what better prompts really do: help (default), nothing, or harm",
    )  # fmt: skip
    parser.add_argument(
        "--prompts", choices=("starting", "improved"), default="starting",
        help="with --weeks 1: what the bot is told; the worlds differ only under improved prompts (default: starting)",
    )  # fmt: skip
    parser.add_argument(
        "--cut", choices=STAGES, help="take a stage of the wheel out, to see that its absence is noticed"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--no-serve", action="store_true", help="stop after the summary")
    return parser


def run(options: argparse.Namespace) -> int:
    """Start the product, live a week, print what was true and what was measured."""
    began = time.monotonic()
    table = options.format == "table"
    first = not (options.data_dir / "secrets.json").exists()
    port = free_port()
    model = SimulatedModel(seed=options.seed, world=options.world)
    # The operator of this product is the demo: it allows its own model, and nothing else inside.
    os.environ["FLYWHEEL_OUTBOUND_ALLOWED"] = f"127.0.0.1:{port}"
    with model.served(port), running(options.data_dir, workers=WORKERS) as product:
        if table:
            _say(_started(product, first, time.monotonic() - began))
        access = _open_doors(product.environment, product.url, options)
        try:
            if options.weeks == 1:
                _live_week(access, options, began)
            else:
                _live_month(access, options, began, model)
        except LoopCut as cut:
            print(cut, file=sys.stderr)
            return 1
        serves = bool(product.children) and not options.no_serve
        if table:
            _say(_render_access(access, still_there=serves or not product.children))
        if serves:
            if table:
                _say("Ctrl-C stops everything")
            product.serve()
    return 0


@dataclass(frozen=True)
class _Access:
    """How to look at this demo. The key and the passwords are told once, here."""

    url: str
    organization: str
    key: str
    logins: dict[str, str]


def _open_doors(environment: Environment, url: str, options: argparse.Namespace) -> _Access:
    """Make the demo's organization, its key and its people, in processes of their own: this one stays a client."""
    organization = f"northwind-{options.seed}-{secrets.token_hex(3)}"
    key = _flywheel(
        environment, options, "createkey", "--sandbox", "--org", organization,
        "--name", f"Northwind, seed {options.seed}",
        *(part for scope in SCOPES for part in ("--scope", scope)),
    )  # fmt: skip
    secret = _answer(key)  # first: it makes the organization, as a sandbox
    making = [
        _flywheel(environment, options, "createuser", "--org", organization, "--email", email, *rights)
        for email, rights in PEOPLE.items()
    ]
    return _Access(url, organization, secret, dict(zip(PEOPLE, map(_answer, making), strict=True)))


def _live_month(access: _Access, options: argparse.Namespace, began: float, model: SimulatedModel) -> None:
    """Live the weeks while the wheel turns; print what was true beside what was measured."""
    client = Client(access.url, access.key)
    plan = month.Plan(APPLICATION, options.weeks, options.per_week, options.seed, options.world, options.cut)
    if options.format == "json":
        summary = summarize_month(month.live_month(client, plan, model=model))
        _say(json.dumps(summary | {"access": {**asdict(access), "application": APPLICATION}}, indent=2))
        return
    _say(introduce_month(plan))
    _say(render_month(month.live_month(client, plan, tell=Teller(_say), model=model)))
    _say(f"{_duration(time.monotonic() - began)}. Try: flywheel demo --world null   flywheel demo --world harmful")


def _live_week(access: _Access, options: argparse.Namespace, began: float) -> None:
    """Live one week and print its summary."""
    client = Client(access.url, access.key)
    plan = Plan(APPLICATION, options.per_week, options.seed, options.world, options.prompts)
    if options.format == "json":
        summary = summarize(live_week(client, plan))
        summary["access"] = {**asdict(access), "application": APPLICATION}
        _say(json.dumps(summary, indent=2))
        return

    def on_captured(captured: Captured) -> None:
        _say(render_captured(captured))

    _say(introduce(plan))
    _say(render_analyzed(live_week(client, plan, on_captured=on_captured)))
    _say(f"{_duration(time.monotonic() - began)}. Try: flywheel demo --weeks 1 --prompts improved --world harmful")


def _flywheel(environment: Environment, options: argparse.Namespace, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flywheel.cli", *arguments, "--data-dir", str(options.data_dir)]
    return subprocess.Popen(  # noqa: S603
        command, env=environment.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=die_with_parent,
    )  # fmt: skip


def _answer(process: subprocess.Popen[str]) -> str:
    answer, errors = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"preparing the demo failed: {errors[-1000:]}")
    return answer.strip()


def _render_access(access: _Access, *, still_there: bool) -> str:
    (owner, owner_word), (executive, executive_word) = access.logins.items()
    people = f"{owner} / {owner_word}   (executive: {executive} / {executive_word})"
    if not still_there:
        return f"Look at it: flywheel up   {people}"
    return (
        f"Portal  {access.url}/   {people}\n"
        f"API     {access.url}/api/v1/   docs {access.url}/api/docs/   key of this demo: {access.key}"
    )


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
