"""`flywheel compare` and `flywheel power`: the published figures, in words and as JSON; bad usage is exit 2."""

from __future__ import annotations

import json

import pytest

from flywheel.cli import main

COUNTS = ["--control", "23/100", "--treatment", "34/100"]


def test_compare_says_what_the_counts_do_not_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *COUNTS]) == 0

    told = capsys.readouterr().out
    assert "difference +11.0 points   95 % [-1.5, +23.1]   p = 0.0849   (one look)" in told
    assert "lift       +47.8%   [-5.8%, +132.0%]" in told
    assert "verdict    not significant" in told
    assert "needs 263 per arm with one look, about 420 when watching" in told


def test_the_level_of_the_interval_is_what_alpha_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", *COUNTS, "--alpha", "0.001"])

    assert " 99.9 % [" in capsys.readouterr().out


def test_compare_as_json_is_the_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", *COUNTS, "--planned-n", "526", "--sequential", "--format", "json"])

    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["verdict"], found["needed_per_arm"]["fixed"]) == ("sequential", "continue", 263)
    assert found["interval"][0] < -0.08
    assert found["p_value"] > 0.5


def test_power_prints_both_ways_of_looking(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", "--baseline", "0.23", "--mde", "0.11"]) == 0
    told = capsys.readouterr().out

    main(["power", "--baseline", "0.23", "--mde", "0.11", "--format", "json"])
    sizes = json.loads(capsys.readouterr().out)

    assert "fixed       263 per arm" in told
    assert sizes["fixed_per_arm"] == 263
    assert 400 <= sizes["sequential_per_arm"] <= 480


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "--control", "23", "--treatment", "34/100"],
        ["compare", "--control", "101/100", "--treatment", "34/100"],
        ["compare", *COUNTS, "--alpha", "5"],
        ["compare", *COUNTS, "--planned-n", "many"],
        ["compare", *COUNTS, "--fixed", "--sequential"],
        ["power", "--baseline", "23", "--mde", "0.1"],
    ],
)
def test_bad_usage_is_refused_by_the_parser(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2


def test_an_effect_that_cannot_be_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", "--baseline", "0.9", "--mde", "0.2"]) == 2
    assert "baseline + effect must lie between 0 and 1" in capsys.readouterr().err
