"""The registry reads every metric it names, and its page is current."""

from __future__ import annotations

from pathlib import Path

from apps.evaluations.domain import compared, registry
from apps.evaluations.domain.metrics import metrics
from apps.evaluations.domain.registry import REGISTRY, read_all
from apps.evaluations.domain.tally import SCORE, Moments, Tally


def test_the_page_of_metrics_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "metrics.md"

    assert page.read_text("utf-8") == "\n".join([*registry.document(), *compared.document(), ""]), (
        "write both document() to docs/metrics.md"
    )


def test_every_metric_stands_in_the_metrics_object() -> None:
    total = Tally(conversations=100, patterns=dict.fromkeys(("contradiction",), 3))
    found = metrics(total)

    for metric in REGISTRY.values():
        section, name = metric.path[0], metric.path[1]
        assert name in found[section], metric.key
        assert metric.n_path[-1] in (found if len(metric.n_path) == 1 else found[metric.n_path[0]]), metric.key


def test_too_few_units_are_unknown_and_a_pattern_nobody_showed_is_zero() -> None:
    few = read_all(metrics(Tally(conversations=29, score=Moments(29, 29 * 5 * SCORE, 29 * (5 * SCORE) ** 2))))
    enough = read_all(metrics(Tally(conversations=30, score=Moments(30, 30 * 5 * SCORE, 30 * (5 * SCORE) ** 2))))

    assert (few["quality_score"], few["contradiction"], few["escalation_rate"]) == (None, None, None)
    assert (enough["quality_score"], enough["contradiction"], enough["escalation_rate"]) == (5.0, 0.0, 0.0)
