"""Workers for a command that needs some: those of the running product, or its own for as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flywheel.embedded import Environment
from flywheel.embedded.supervisor import WORKERS, product_children


@contextmanager
def at_work(environment: Environment, data_dir: Path) -> Iterator[None]:
    """Have workers at work inside the block; start two where no product runs, and stop them after it."""
    workers = []
    if not environment.web_url:
        children = product_children(bind="", port=0, workers=2, data_dir=data_dir)
        workers = [child for child in children if child.name in WORKERS]
    for worker in workers:
        worker.start({**environment.variables, "FLYWHEEL_POOL": "false"}, data_dir.resolve() / "logs")
    try:
        yield
    finally:
        for worker in workers:
            worker.ask_to_stop()
        for worker in workers:
            worker.make_stop(time.monotonic() + 5)
