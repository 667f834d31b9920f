"""`flywheel doctor`: what is here, what is wrong, and what would help."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from typing import Any

from flywheel.embedded import postgres, valkey
from flywheel.embedded.environment import state_path


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("doctor", help="explain what is wrong with this set-up")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print each check; exit 1 when one fails."""
    healthy = True
    for name, fine, detail, remedy in _checks(options):
        print(f"{'✓' if fine else '✗'} {name:<12} {detail}" + ("" if fine else f"\n  → {remedy}"))
        healthy = healthy and fine
    return 0 if healthy else 1


def _checks(options: argparse.Namespace) -> Iterator[tuple[str, bool, str, str]]:
    version = sys.version_info
    yield "python", (3, 11) <= version[:2] <= (3, 13), platform.python_version(), "use Python 3.11, 3.12 or 3.13"
    for name, variable, path in (
        ("database", "DATABASE_URL", postgres.installed()),
        ("broker", "REDIS_URL", valkey.installed()),
    ):
        own = bool(os.environ.get(variable))
        detail = f"{variable} is set" if own else f"from the wheel at {path}" if path else "not installed"
        yield name, own or path is not None, detail, f"set {variable}, or run on Linux x86-64 after `make setup`"
    options.data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(options.data_dir).free
    yield "disk", free > 2**30, f"{free / 2**30:.1f} GiB free", "free at least 1 GiB, or choose another --data-dir"
    writable = os.access(options.data_dir, os.W_OK)
    yield "data", writable, str(options.data_dir.resolve()), "make the directory writable, or choose another --data-dir"
    state = state_path(options.data_dir)
    yield "running", True, "yes" if state.exists() else "no (start with: flywheel up)", ""
