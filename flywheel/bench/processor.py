"""How much processor time the parts of a product take: what a busy machine does not change, unlike the clock."""

from __future__ import annotations

import os
import time
from pathlib import Path

from flywheel.embedded.supervisor import Supervisor

_TICKS = os.sysconf("SC_CLK_TCK")


def spent(product: Supervisor) -> dict[str, float]:
    """Return the processor seconds spent so far by each part of a running product, and by this process."""
    parts = {child.name: _tree(child.process.pid) for child in product.children if child.process is not None}
    postgres = product.environment.postgres
    if postgres is not None and postgres.process is not None:
        parts["postgresql"] = _tree(postgres.process.pid)
    return {**parts, "load_generator": time.process_time()}


def _tree(pid: int) -> float:
    """Return what a process, those it has waited for, and its living descendants have taken."""
    try:
        # Fields 14 to 17, counted from behind the command's name, which may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        children = [each for task in Path(f"/proc/{pid}/task").iterdir() for each in _children(task)]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it ended while we looked; its parent has its time now
    return sum(map(int, fields)) / _TICKS + sum(map(_tree, children))


def _children(task: Path) -> list[int]:
    return [int(pid) for pid in (task / "children").read_text().split()]
