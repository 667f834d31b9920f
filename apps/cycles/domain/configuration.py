"""flywheel-config.yaml: what each stage of the wheel does. Every key is optional, and every one means something.

A key nobody knows, a metric that does not exist, a malformed condition: each is a fault on its line, and all of them
are told at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.cycles.domain.schedules import BadSchedule, parse_schedule
from apps.evaluations.domain.compared import EVERY_METRIC
from apps.evaluations.domain.expressions import BadExpression, Expression, parse
from apps.evaluations.domain.registry import REGISTRY
from apps.improvements.domain.checks import MOST_CHECKS, Check, check_check
from apps.ingestion.domain.formats import FORMATS
from apps.ingestion.domain.sources import BadSource, check_source
from apps.platform.documents import BadDocument, Fault, Node, Scalar, Section, read_document
from apps.platform.documents import Mapping as Keys

STAGES = ("capture", "analyze", "insights", "improve", "deploy", "measure")
ANALYZERS = ("security-analysis", "quality-assessment", "business-intelligence", "performance-analysis")
# `measure` may name a whole group of GET /metrics.
GROUPS = {"business_outcomes": "business"}
_DAYS = re.compile(r"(\d{1,4}) days?")
_NUMBER = re.compile(r"([-+−]?)\s*(\$?)(\d+(?:\.\d+)?)\s*(%?)")
DEFAULT_THRESHOLDS = {"security_risk_score": 7.0, "quality_score": 6.0, "security_incidents": 5.0}


@dataclass(frozen=True)
class Condition:
    """An expression over metrics, as written, on its line."""

    text: str
    expression: Expression
    line: int


@dataclass(frozen=True)
class Capture:
    """``source``: files to read as they grow, below the organization's folder; None: applications push.

    ``retention_days``: how long the application's texts are kept; None: as long as its organization says.
    """

    source: str | None = None
    format: str = "auto"
    retention_days: int | None = None


@dataclass(frozen=True)
class Analyze:
    """``sample`` is a share of the period's conversations. ``parallel``: several workers share one period."""

    evaluations: tuple[str, ...] = ANALYZERS
    parallel: bool = True
    sample: float = 1.0


@dataclass(frozen=True)
class Insights:
    """Metric → value. The registry says on which side of it a value is worth an insight."""

    thresholds: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_THRESHOLDS))


@dataclass(frozen=True)
class Improve:
    """What proposes an improvement; which proposals go on by themselves, and which wait for a person."""

    triggers: tuple[Condition, ...] = ()
    auto_fix: tuple[str, ...] = ()
    manual_review: tuple[str, ...] = ()
    cooldown_days: int = 7


@dataclass(frozen=True)
class Deploy:
    """``staging``: probes and ``checks`` must pass there first. ``success``: what must hold before the next step.

    ``rollout_percent`` is the treatment's share in the first step of a ramp.
    """

    staging: bool = False
    rollout_percent: float = 10.0
    success: tuple[Condition, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Measure:
    """What is recorded of each cycle, against the period before or (``baseline`` false) by itself."""

    metrics: tuple[str, ...] = ()
    baseline: bool = True


@dataclass(frozen=True)
class Configuration:
    """One application's wheel. ``cron``: five fields, in the organization's zone. ``lines``: where sections begin."""

    schedule: str = "daily"
    cron: str = "0 2 * * *"
    capture: Capture = Capture()
    analyze: Analyze = Analyze()
    insights: Insights = Insights()
    improve: Improve = Improve()
    deploy: Deploy = Deploy()
    measure: Measure = Measure()
    lines: Mapping[str, int] = field(default_factory=dict)


def read_configuration(text: str) -> Configuration:
    """Return what a configuration says, defaults where it is silent. Raises BadDocument with every fault."""
    faults: list[Fault] = []
    top = Section("the configuration", read_document(text), faults)
    schedule, cron = _schedule(top)
    stages = top.section("stages")
    found = Configuration(
        schedule=schedule,
        cron=cron,
        capture=_capture(stages.section("capture")),
        analyze=_analyze(stages.section("analyze")),
        insights=_insights(stages.section("insights")),
        improve=_improve(stages.section("improve")),
        deploy=_deploy(stages.section("deploy")),
        measure=_measure(stages.section("measure")),
        lines={name: node.line for name in STAGES if (node := stages.take(name)) is not None},
    )
    stages.close()
    top.close()
    if faults:
        raise BadDocument(faults)
    return found


def _schedule(top: Section) -> tuple[str, str]:
    given = top.scalar("schedule")
    if given is None:
        return Configuration.schedule, Configuration.cron
    try:
        return given.text, parse_schedule(given.text)
    except BadSchedule as error:
        top.fault(given, str(error))
        return given.text, ""


def _capture(section: Section) -> Capture:
    source = section.scalar("source")
    glob = None
    if source is not None:
        try:
            glob = check_source(source.text)
        except BadSource as error:
            section.fault(source, f"{source.text!r}: {error}")
    form = section.scalar("format")
    if form is not None and form.text not in ("auto", *FORMATS):
        section.fault(form, f"there is no format {form.text!r}; there are: auto, {', '.join(FORMATS)}")
    found = Capture(
        source=glob,
        format=form.text if form else "auto",
        retention_days=_days(section, "retention", None),
    )
    section.close()
    return found


def _analyze(section: Section) -> Analyze:
    named = section.items("evaluations")
    evaluations: list[str] = []
    for node in named or ():
        text = _text(section, node)
        if text.startswith("file:"):
            section.fault(node, f"{text!r}: checks of one's own are not read by this version")
        elif text not in ANALYZERS:
            section.fault(node, f"there is no evaluation {text!r}; there are: {', '.join(ANALYZERS)}")
        evaluations.append(text)
    sample = section.scalar("sample")
    share = _number(section, sample) if sample else 1.0
    if sample is not None and not 0.0001 <= share <= 1:
        section.fault(sample, "a sample is a share or a percentage: more than 0, at most 100%")
    found = Analyze(tuple(evaluations) or ANALYZERS, _flag(section, "parallel", default=True), share)
    section.close()
    return found


def _insights(section: Section) -> Insights:
    given = section.section("thresholds")
    thresholds = {}
    for name, line, node in given.node.entries if isinstance(given.node, Keys) else ():
        given.take(name)
        if name not in REGISTRY:
            section.faults.append(Fault(line, f"there is no metric {name!r} to set a threshold on"))
        elif isinstance(node, Scalar):
            thresholds[name] = _number(section, node)
        else:
            section.fault(node, f"the threshold of {name} is a number, a percentage or an amount")
    section.close()
    return Insights(thresholds) if given.node is not None else Insights()


def _improve(section: Section) -> Improve:
    found = Improve(
        triggers=_conditions(section, "triggers"),
        auto_fix=_names_or_conditions(section, "auto_fix"),
        manual_review=_names_or_conditions(section, "manual_review"),
        cooldown_days=_days(section, "cooldown", 7) or 0,
    )
    both = set(found.auto_fix) & set(found.manual_review)
    if both:
        section.faults.append(
            Fault(section.node.line if section.node else 1, f"{min(both)!r} is under auto_fix and manual_review")
        )
    section.close()
    return found


def _deploy(section: Section) -> Deploy:
    percent = section.scalar("rollout_percentage")
    share = _percent(section, percent) if percent else Deploy.rollout_percent
    staging = _flag(section, "staging_test", default=False)
    for node in section.items("targets") or ():
        name, given = _target(section, node)
        if name == "staging_environment":
            staging = True
        elif name == "production_rollout":
            share = given if given is not None else share
        else:
            section.fault(node, f"there is no target {name!r}; there are: staging_environment, production_rollout")
    if not 0 < share <= 100:
        line = (percent or section.node or Scalar("", 1, False)).line
        section.faults.append(Fault(line, "a rollout is more than 0, at most 100 %"))
    checks = _checks(section)
    if checks and not staging:
        section.fault(
            section.take("checks") or Scalar("", 1, False), "checks run in staging, which is not among the targets"
        )
    found = Deploy(
        staging=staging, rollout_percent=share, success=_conditions(section, "success_criteria"), checks=checks
    )
    section.close()
    return found


def _checks(section: Section) -> tuple[Check, ...]:
    found = []
    nodes = section.items("checks") or ()
    if len(nodes) > MOST_CHECKS:
        section.fault(nodes[MOST_CHECKS], f"at most {MOST_CHECKS} checks")
    for node in nodes[:MOST_CHECKS]:
        keys = Section("a check", node, section.faults)
        words = {name: _word(keys, name) for name in ("ask", "must_match", "must_not_match")}
        longest = keys.scalar("longest")
        keys.close()
        try:
            check = Check(**words, longest=_characters(longest))
            check_check(check)
        except ValueError as error:
            section.fault(node, str(error))
        else:
            found.append(check)
    return tuple(found)


def _characters(given: Scalar | None) -> int | None:
    if given is None:
        return None
    if not given.text.isascii() or not given.text.isdigit():
        raise ValueError("longest is a number of characters")
    return int(given.text[:9])


def _word(keys: Section, name: str) -> str:
    given = keys.scalar(name)
    return given.text if given is not None else ""


def _measure(section: Section) -> Measure:
    metrics = []
    for node in section.items("metrics") or ():
        text = _text(section, node)
        if text not in EVERY_METRIC and text not in GROUPS:
            section.fault(node, f"there is no metric {text!r}")
        metrics.append(text)
    found = Measure(tuple(metrics), _flag(section, "baseline_comparison", default=True))
    section.close()
    return found


def _target(section: Section, node: Node) -> tuple[str, float | None]:
    """Return a target's name and percentage: a word, or ``production_rollout: 10%``."""
    if isinstance(node, Keys) and len(node.entries) == 1:
        name, _, value = node.entries[0]
        if isinstance(value, Scalar):
            return name, _percent(section, value)
    return _text(section, node), None


def _conditions(section: Section, key: str) -> tuple[Condition, ...]:
    found = []
    for node in section.items(key) or ():
        text = _text(section, node)
        try:
            found.append(Condition(text, parse(text, metrics=EVERY_METRIC), node.line))
        except BadExpression as error:
            section.fault(node, f"{text!r}: {error}")
    return tuple(found)


def _names_or_conditions(section: Section, key: str) -> tuple[str, ...]:
    """Return the entries of a policy: conditions on metrics, a bare metric among them."""
    return tuple(condition.text for condition in _conditions(section, key))


def _days(section: Section, key: str, default: int | None) -> int | None:
    given = section.scalar(key)
    if given is None:
        return default
    match = _DAYS.fullmatch(given.text.strip())
    if match is None or not 1 <= int(match[1]) <= 3650:
        section.fault(given, f"{key} is a number of days, such as `{default or 30} days`")
        return default
    return int(match[1])


def _flag(section: Section, key: str, *, default: bool) -> bool:
    given = section.scalar(key)
    if given is None:
        return default
    if given.text.lower() not in {"true", "false"}:
        section.fault(given, f"{key} is true or false")
    return given.text.lower() == "true"


def _number(section: Section, node: Scalar) -> float:
    """Return a number; a percentage as a fraction, an amount without its sign of currency."""
    match = _NUMBER.fullmatch(node.text.strip())
    if match is None:
        section.fault(node, f"{node.text!r} is no number, percentage or amount")
        return 1.0
    value = float(match[3]) / (100 if match[4] else 1)
    return -value if match[1] in {"-", "−"} else value


def _percent(section: Section, node: Scalar) -> float:
    """Return a percentage: 10, 10% and 0.1 would each be read by somebody as ten percent; only the first two are."""
    value = _number(section, node)
    return value * 100 if node.text.strip().endswith("%") else value


def _text(section: Section, node: Node) -> str:
    if isinstance(node, Scalar):
        return node.text
    section.fault(node, "a single value is expected here")
    return ""
