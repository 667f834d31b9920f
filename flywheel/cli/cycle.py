"""`flywheel cycle run`: one turn of the wheel now, and what each stage did."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, date, datetime
from datetime import time as midnight
from pathlib import Path
from typing import Any

from flywheel.cli.arguments import slug
from flywheel.cli.django_setup import connected
from flywheel.cli.workers import at_work

BAD_INPUT = 2
FAILED = 1
_LOOK_EVERY_S = 0.3


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("cycle", help="turn an application's wheel once, now")
    parser.add_argument("action", choices=("run",))
    parser.add_argument("--org", type=slug, default="local")
    parser.add_argument("--app", type=slug, required=True)
    parser.add_argument("--config", type=Path, help="save this flywheel-config.yaml first")
    parser.add_argument("--since", type=date.fromisoformat, help="a date (UTC); default: where its last cycle ended")
    return parser


def run(options: argparse.Namespace) -> int:
    """Turn, and tell. Exit 1 when a stage failed for good, 2 for a configuration that cannot be used."""
    from apps.platform.documents import BadDocument

    try:
        text = options.config.read_text("utf-8") if options.config else None
    except (OSError, UnicodeDecodeError) as error:
        print(f"flywheel: --config: {options.config} cannot be read: {error}", file=sys.stderr)
        return BAD_INPUT
    with connected(options.data_dir) as environment:
        from apps.cycles.services.turning import BadPeriod

        try:
            organization, cycle = _start(options, text)
            print(f"Cycle {cycle}  {cycle.since:%Y-%m-%d %H:%M} – {cycle.until:%Y-%m-%d %H:%M} UTC", flush=True)
            with at_work(environment, options.data_dir):
                return _turn(organization, cycle.public_id)
        except (LookupError, BadPeriod) as error:
            print(f"flywheel: {error.args[0]}", file=sys.stderr)
        except BadDocument as error:
            for fault in error.faults:
                print(f"flywheel: {options.config}: {fault}", file=sys.stderr)
    return BAD_INPUT


def _start(options: argparse.Namespace, text: str | None) -> tuple[Any, Any]:
    """Return the organization and the cycle that was started."""
    from apps.cycles.services.configuring import save_configuration
    from apps.cycles.services.turning import start_cycle
    from apps.organizations import selectors
    from apps.platform import clock
    from apps.platform.tenancy import tenant

    organization = selectors.get_organization(options.org)
    if organization is None:
        raise LookupError(f"there is no organization {options.org!r}")
    now = clock.now(organization)
    with tenant(organization.id):
        application = selectors.find_application(options.app)
        if application is None:
            raise LookupError(f"there is no application {options.app!r} in {options.org}")
        if text is not None:
            save_configuration(
                organization=organization, application=application, text=text, at=now, actor="command line"
            )
        cycle = start_cycle(
            organization=organization, application=application, at=now, slot=now, started_by="command line",
            since=datetime.combine(options.since, midnight(), UTC) if options.since else None,
        )  # fmt: skip
    return organization, cycle


def _turn(organization: Any, cycle_id: str) -> int:
    from apps.cycles.models import Cycle
    from apps.cycles.selectors import find_cycle, stages_of
    from apps.cycles.tasks import turn
    from apps.platform.tenancy import tenant

    told: set[str] = set()
    while True:
        # Whoever holds the lease turns it: this process, or a worker that was quicker.
        turn(organization_id=organization.id, key=cycle_id)
        with tenant(organization.id):
            cycle = find_cycle(cycle_id)
            assert cycle is not None
            stages = stages_of([cycle])[cycle.id]
        _tell(stages, told)
        if cycle.status != Cycle.Status.RUNNING:
            print(f"{cycle.status}" + ("; the log says why" if cycle.status == Cycle.Status.FAILED else ""))
            return FAILED if cycle.status == Cycle.Status.FAILED else 0
        time.sleep(_LOOK_EVERY_S)


def _tell(stages: dict[str, Any], told: set[str]) -> None:
    """Print the stages that have ended since last time, in the wheel's order."""
    from apps.cycles.loop import WHEEL

    for name in WHEEL:
        stage = stages.get(name)
        if name in told or stage is None or stage.finished_at is None:
            continue
        told.add(name)
        print(f"● {name.upper():<9} {stage.did}   {stage.seconds:.1f} s")
        for words in stage.unexpected:
            print(f"  ! {words}")
        sys.stdout.flush()
