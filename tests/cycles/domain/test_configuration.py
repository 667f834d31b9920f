"""flywheel-config.yaml: what it may say, and every fault on its line."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.cycles.domain.configuration import Configuration, read_configuration
from apps.improvements.domain.checks import Check
from apps.platform.documents import BadDocument

FULL = textwrap.dedent(
    """\
    schedule: "daily at 2:00 AM"
    stages:
      capture:  {source: "production-logs/*.jsonl", format: auto, retention: 30 days}
      analyze:
        evaluations: [security-analysis, quality-assessment]
        parallel: false
        sample: 25%
      insights: {thresholds: {security_risk_score: 7, business_value: -50, upsell_rate: 20%, revenue_impact: "-$100"}}
      improve:
        triggers: ["security_incidents > 5", "quality_score < 7", "upsell_rate < 20%"]
        auto_fix: [responses_under_20_chars]
        manual_review: [new_attack_patterns, "quality_degradation > 20%"]
        cooldown: 7 days
      deploy:   {targets: [staging_environment, production_rollout: 10%], staging_test: true, success_criteria:
                 ["quality_improvement > 5%", no_new_security_issues]}
      measure:  {metrics: [block_rate_improvement, quality_score_delta, business_outcomes], baseline_comparison: true}
    """
)


def faults(text: str) -> list[str]:
    with pytest.raises(BadDocument) as caught:
        read_configuration(textwrap.dedent(text))
    return [str(fault) for fault in caught.value.faults]


def test_silence_is_the_default_and_every_section_can_be_told() -> None:
    silent, full = read_configuration(""), read_configuration(FULL)

    assert silent == Configuration()
    assert full.cron == "0 2 * * *"
    assert (full.capture.source, full.capture.retention_days) == ("production-logs/*.jsonl", 30)
    assert (full.analyze.evaluations, full.analyze.parallel, full.analyze.sample) == (
        ("security-analysis", "quality-assessment"), False, 0.25,
    )  # fmt: skip
    assert full.insights.thresholds == {
        "security_risk_score": 7, "business_value": -50, "upsell_rate": 0.2, "revenue_impact": -100,
    }  # fmt: skip
    assert [trigger.text for trigger in full.improve.triggers][1] == "quality_score < 7"
    assert full.improve.manual_review == ("new_attack_patterns", "quality_degradation > 20%")
    assert (full.deploy.rollout_percent, len(full.deploy.success)) == (10, 2)
    assert full.measure.metrics[-1] == "business_outcomes"


def test_checks_of_ones_own_run_in_staging() -> None:
    found = read_configuration(
        "stages: {deploy: {staging_test: true, checks: [{ask: 'Refund?', must_match: '14 days', longest: 300}]}}"
    )

    assert found.deploy.checks == (Check("Refund?", must_match="14 days", longest=300),)


def test_a_check_that_is_none_is_told_with_its_line() -> None:
    found = faults(
        """\
        stages:
          deploy:
            checks:
              - {ask: "Refund?"}
              - {ask: "Refund?", must_match: "(14 days"}
              - {ask: "Refund?", longest: many}
              - {ask: "Refund?", must_say: "14 days", longest: 9}
              - {ask: "Refund?", longest: 9}
        """
    )

    assert [line.split(":")[0] for line in found] == ["line 4", "line 4", "line 5", "line 6", "line 7"]
    assert "which is not among the targets" in found[1]


def test_json_is_read_as_well() -> None:
    assert read_configuration('{"schedule": "hourly", "stages": {"analyze": {"sample": 0.5}}}').analyze.sample == 0.5


def test_every_fault_is_told_with_its_line() -> None:
    found = faults(
        """\
        schedule: sometimes
        stagse: {}
        stages:
          analyze:
            evaluations: [security-analysis, astrology]
            sample: 0
          insights:
            thresholds: {luck: 7, quality_score: high}
          improve:
            triggers: ["quality_score <", "luck > 3"]
            cooldown: a while
          deploy: {targets: [moon], rollout_percentage: 140}
          measure: [avg_quality_score]
        """
    )

    assert [line.split(":")[0] for line in found] == [
        "line 1", "line 2", "line 5", "line 6", "line 8", "line 8", "line 10", "line 10", "line 11", "line 12",
        "line 12", "line 13",
    ]  # fmt: skip
    assert "did you mean 'stages'?" in found[1]
    assert "'luck > 3': column 1: there is no metric 'luck'" in " ".join(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x [1]\nb: *x", "anchors and aliases"),
        ("schedule: !!python/object:os.system x", "tags"),
        ("schedule: daily\nschedule: weekly", "line 2: 'schedule' is given twice"),
        ("schedule: [", "not YAML"),
        ("[" * 100, "nested too deeply"),
        ("a: b\n---\nc: d", "one document"),
        ("- daily", "has keys of its own"),
        ("? [a]\n: b", "a key is a word"),
        ("x" * 70_000, "64 KiB"),
        ("stages: {capture: {source: s3://bucket/logs}}", "line 1: 's3://bucket/logs': s3:// is not read"),
        ("stages:\n  capture:\n    source: ../other/*.jsonl", "line 3: '../other/.*leads out of it"),
        ("stages: {analyze: {evaluations: ['file:mine.yaml']}}", "not read by this version"),
    ],
)
def test_a_hostile_or_unreadable_document_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(BadDocument, match=words):
        read_configuration(text)


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_a_fault_on_a_line(text: str) -> None:
    try:
        read_configuration(text)
    except BadDocument as error:
        assert all(fault.line >= 1 and fault.detail for fault in error.faults)
