"""`flywheel backup FILE`: everything the product knows, in one file, while it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import psycopg

from flywheel.backup import KEYS, BackupFailed, write_backup
from flywheel.embedded import prepare
from flywheel.embedded.environment import load_secrets


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("backup", help="write everything into one file")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--without-keys", action="store_true", help="leave out what encrypted columns are read with")
    return parser


def run(options: argparse.Namespace) -> int:
    """Write it; say what it holds, and what it must be guarded like."""
    if not options.file.parent.is_dir():
        print(f"flywheel: {options.file.parent} is no directory", file=sys.stderr)
        return 2
    with prepare(options.data_dir) as environment:
        url = environment.variables.get("MIGRATION_DATABASE_URL")
        if not url:
            print("flywheel: set MIGRATION_DATABASE_URL to the owner's role: the run role sees no tenant's rows",
                  file=sys.stderr)  # fmt: skip
            return 2
        known = load_secrets(options.data_dir.resolve())
        # Keys that an operator gives by the environment are the operator's to keep.
        own = {name: known[name] for name in KEYS if environment.variables.get(name) == known.get(name)}
        keys = {} if options.without_keys else own
        try:
            manifest = write_backup(options.file, url=url, version=_version(), keys=keys)
        except (BackupFailed, psycopg.Error) as error:
            print(f"flywheel: {error}", file=sys.stderr)
            return 2
    size = options.file.stat().st_size / 1e6
    print(f"{options.file}  {len(manifest.tables)} tables, {manifest.rows:,} rows, {size:.1f} MB")
    if keys:
        print("It holds the keys that its encrypted columns are read with: guard it like the database itself.")
    return 0


def _version() -> str:
    from importlib.metadata import version

    return version("flywheel")
