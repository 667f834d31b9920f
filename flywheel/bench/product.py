"""A product of the benchmark's own, on a free port and in a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flywheel.embedded.supervisor import Supervisor, running


@contextmanager
def bench_product(data_dir: Path, *, workers: int = 2) -> Iterator[Supervisor]:
    """Run the product; limits on the rate of pushes are lifted, nothing else."""
    os.environ.update(RATE_LIMIT_INGEST="100000")
    for name in ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    with running(data_dir, port=0, workers=workers) as product:
        yield product


def make_key(product: Supervisor, data_dir: Path, *scopes: str) -> str:
    """Return a key of a fresh organization; ``ingest`` where no scope is named."""
    named = [part for scope in scopes or ("ingest",) for part in ("--scope", scope)]
    arguments = ["createkey", "--org", "bench", *named, "--data-dir", str(data_dir)]
    command = [sys.executable, "-m", "flywheel.cli", *arguments]
    done = subprocess.run(  # noqa: S603
        command, env=product.environment.variables, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
