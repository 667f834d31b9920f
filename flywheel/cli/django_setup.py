"""Starting Django inside a command, after its environment is prepared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flywheel.embedded import Environment, prepare
from flywheel.embedded.supervisor import provision


@contextmanager
def connected(data_dir: Path) -> Iterator[Environment]:
    """Make this process a client of the running product's services, or of its own, migrated, inside the block."""
    with prepare(data_dir) as environment:
        if not environment.attached:
            provision(environment.variables)
        _start_django(environment)
        yield environment


def _start_django(environment: Environment) -> None:
    import django

    os.environ.update(environment.variables)
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    django.setup()
