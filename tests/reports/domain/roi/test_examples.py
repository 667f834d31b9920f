"""The shipped examples: the famous 580 %, read three ways, and what of it can be defended."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from flywheel.cli.main import main

EXAMPLES = Path(__file__).parents[4] / "examples" / "roi"


def computed(name: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["roi", "compute", str(EXAMPLES / name), "--format", "json", *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("name", "cost", "benefit", "roi"),
    [("a.yaml", 5_900, 40_200, 581.4), ("b.yaml", 28_000, 190_200, 579.3), ("c.yaml", 13_200, 90_200, 583.3)],
)
def test_each_reading_claims_what_it_is_known_for(
    name: str, cost: int, benefit: int, roi: float, capsys: pytest.CaptureFixture[str]
) -> None:
    found = computed(name, capsys)
    assert (found["cost"], found["benefit"], found["roi_percent"]) == (cost, benefit, roi)


def test_what_can_be_defended_is_a_fifth_of_the_claim(capsys: pytest.CaptureFixture[str]) -> None:
    found = computed("a.yaml", capsys)
    assert found["p50"] == pytest.approx(120, abs=5)
    assert 0 < found["p10"] < found["p50"] < found["p90"] < 250


def test_the_same_seed_gives_the_same_figures_and_another_gives_others(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, other = (computed("a.yaml", capsys, "--seed", seed) for seed in ("1", "1", "2"))
    assert first == second
    assert first["defensible"]["net"] != other["defensible"]["net"]


def test_twenty_thousand_draws_take_less_than_two_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    computed("a.yaml", capsys)
    start = time.perf_counter()
    computed("a.yaml", capsys, "--draws", "20000")
    assert time.perf_counter() - start < 2


def test_weeks_set_against_other_months_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert any("12 weeks are 2.77 months" in each for each in computed("b.yaml", capsys)["warnings"])
    assert computed("a.yaml", capsys)["warnings"] == []


def test_the_table_says_claim_and_defence_and_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["roi", "compute", str(EXAMPLES / "a.yaml")]) == 0
    told = capsys.readouterr().out
    assert "ROI 581.4 %" in told
    assert "90 % likely to exceed" in told
    assert "NOT COUNTED  one avoided leak" in told


def test_a_model_with_faults_names_each_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("months: 3\nbenefits:\n  - key: quality\n    grade: E\n    unit_value: hourly\n")
    assert main(["roi", "compute", str(path)]) == 2
    told = capsys.readouterr().err
    assert "line 4: there is no grade 'E'; there are: A, B, C, D" in told
    assert "line 5: unit_value: 'hourly' is neither a number nor an assumption" in told


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["roi", "compute", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
