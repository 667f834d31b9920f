"""The `flywheel` command. Each subcommand is a module with ``add(subparsers)`` and ``run(options)``."""

from flywheel.cli.main import main

__all__ = ["main"]
