"""`flywheel restore FILE`: a backup brought to life in a new data directory, or an empty database."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import psycopg

from flywheel.backup import BackupFailed, read_keys, restore_backup
from flywheel.embedded import prepare
from flywheel.embedded.supervisor import provision


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("restore", help="fill an empty database with a backup")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--erasures", type=Path, help="what was erased since the backup (`flywheel erase --list`): erased again"
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """Restore, check every table against the manifest, and migrate to this version."""
    try:
        _take_keys(options.data_dir, read_keys(options.file))
        with prepare(options.data_dir, attach=False) as environment:
            url = environment.variables.get("MIGRATION_DATABASE_URL")
            if not url:
                raise BackupFailed("set MIGRATION_DATABASE_URL to the role that is to own the tables")
            manifest = restore_backup(options.file, url=url)
            provision(environment.variables)
        erased = _erase_again(options) if options.erasures else None
    except (BackupFailed, psycopg.Error, OSError) as error:
        print(f"flywheel: {error}", file=sys.stderr)
        return 2
    print(
        f"{manifest.rows:,} rows in {len(manifest.tables)} tables, as they were at {manifest.made_at}: every table's "
        "count and checksum is the same."
    )
    if erased is None:
        print("What was erased since is back: give --erasures the list that `flywheel erase --list` wrote.")
    else:
        print(f"{erased:,} erasures were applied again.")
    return 0


def _erase_again(options: argparse.Namespace) -> int:
    from flywheel.cli.django_setup import connected

    told = [json.loads(line) for line in options.erasures.read_text().splitlines() if line.strip()]
    with connected(options.data_dir):
        from apps.cycles.services.erasing import erase_again
        from apps.cycles.services.erasing_organizations import erase_organizations_again

        organizations = [each for each in told if "erased_organization" in each]
        people = [each for each in told if "erased_organization" not in each]
        return erase_again(people) + erase_organizations_again(organizations)


def _take_keys(data_dir: Path, keys: dict[str, str]) -> None:
    """Put the backup's keys where the data directory keeps its own, unless it has some already."""
    path = data_dir / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if kept := [name for name, value in keys.items() if known.get(name, value) != value]:
        raise BackupFailed(f"{data_dir} has a {kept[0]} of its own: restore into a new data directory")
    data_dir.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text(json.dumps(known | keys))
