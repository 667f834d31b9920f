"""Parses the command line and calls the subcommand."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from flywheel.cli import (
    analyze,
    backup,
    batches,
    bench,
    compare,
    createkey,
    createuser,
    cycle,
    demo,
    doctor,
    erase,
    power,
    prompts,
    restore,
    roi,
    rows,
    up,
)
from flywheel.embedded.environment import AlreadyRunning
from flywheel.embedded.process import interrupt_on_sigterm

_COMMANDS = (
    up, demo, analyze, batches, cycle, compare, power, roi, bench, createkey, createuser, prompts, rows, erase, backup,
    restore, doctor,
)  # fmt: skip
BAD_USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0, 100 when --fail-on holds, 2 for bad usage or input.

    Interrupted by Ctrl-C or SIGTERM: 130, but 0 for `up`, whose only end this is.
    """
    options = build_parser().parse_args(arguments)
    interrupt_on_sigterm()
    try:
        return int(options.run(options))
    except (AlreadyRunning, FileNotFoundError, RuntimeError, TimeoutError) as error:
        print(f"flywheel: {error}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        return 0 if options.command == "up" else INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every subcommand and option; parsed options carry the subcommand's ``run``."""
    parser = argparse.ArgumentParser(prog="flywheel", description="Turn production conversations into improvements.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        subparser = command.add(subparsers)
        subparser.add_argument(
            "--data-dir",
            type=Path,
            default=Path(os.environ.get("FLYWHEEL_DATA_DIR", "var")),
            help="where the product keeps its own database, broker and logs (default: var)",
        )
        subparser.set_defaults(run=command.run)
    return parser
