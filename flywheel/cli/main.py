"""Parses the command line and calls the subcommand. Only the module of the one that is asked for is loaded."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from flywheel.embedded.environment import AlreadyRunning
from flywheel.embedded.process import interrupt_on_sigterm

# Each a module of this package.
_COMMANDS = (
    "up", "demo", "analyze", "batches", "cycle", "compare", "power", "roi", "bench", "createkey", "createuser",
    "prompts", "rows", "erase", "backup", "restore", "doctor",
)  # fmt: skip
BAD_USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0, 100 when --fail-on holds, 2 for bad usage or input.

    Interrupted by Ctrl-C or SIGTERM: 130, but 0 for `up`, whose only end this is.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = build_parser(given[0] if given else None).parse_args(given)
    interrupt_on_sigterm()
    try:
        return int(options.run(options))
    except (AlreadyRunning, FileNotFoundError, RuntimeError, TimeoutError) as error:
        print(f"flywheel: {error}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        return 0 if options.command == "up" else INTERRUPTED


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of a subcommand and its options; of every one where ``only`` names none.

    Parsed options carry the subcommand's ``run``.
    """
    parser = argparse.ArgumentParser(prog="flywheel", description="Turn production conversations into improvements.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in (only,) if only in _COMMANDS else _COMMANDS:
        command = import_module(f"flywheel.cli.{name}")
        subparser = command.add(subparsers)
        subparser.add_argument(
            "--data-dir",
            type=Path,
            default=Path(os.environ.get("FLYWHEEL_DATA_DIR", "var")),
            help="where the product keeps its own database, broker and logs (default: var)",
        )
        subparser.set_defaults(run=command.run)
    return parser
