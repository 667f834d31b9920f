"""`flywheel cycle run`: one turn from the command line, and a configuration's faults with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.product import flywheel

pytestmark = pytest.mark.services


def test_the_wheel_turns_once_and_says_what_each_stage_did(tmp_path: Path, ready_dir: Path) -> None:
    data = ["--data-dir", str(ready_dir)]
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("schedule: weekly\nstages:\n  measure: {metrics: [block_rate]}\n")
    bad.write_text("schedule: weekly\nstages:\n  measure: {metrics: [luck]}\n")
    made = flywheel("createkey", "--org", "local", "--app", "bot", "--scope", "read", *data)

    turned = flywheel("cycle", "run", "--app", "bot", "--config", str(good), *data)
    refused = flywheel("cycle", "run", "--app", "bot", "--config", str(bad), *data)
    stranger = flywheel("cycle", "run", "--app", "nobody", *data)

    assert made.returncode == 0
    assert turned.returncode == 0, turned.stderr
    assert [line.split()[1] for line in turned.stdout.splitlines() if line.startswith("●")] == [
        "CAPTURE", "ANALYZE", "INSIGHTS", "IMPROVE", "DEPLOY", "MEASURE",
    ]  # fmt: skip
    assert "! no conversation began in this period" in turned.stdout
    assert turned.stdout.splitlines()[-1] == "finished"
    assert (refused.returncode, stranger.returncode) == (2, 2)
    assert "bad.yaml: line 3: there is no metric 'luck'" in refused.stderr
    assert "there is no application 'nobody' in local" in stranger.stderr
