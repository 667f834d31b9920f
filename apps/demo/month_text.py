"""The month for a terminal: each week as it is lived, then truth and measurement side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.demo.finance import return_line
from apps.demo.month import Month, Plan, Probed, Verdict, Week
from apps.evaluations.domain.intervals import wilson

_WIDTH = 98
_INDENT = " " * 20
_ENDS = {
    "promoted": "PROMOTED", "rolled_back": "ROLLED BACK to the previous prompt", "loser": "worse: control stays",
    "no_winner": "no winner, control stays", "awaiting_approval": "won, and waits for approval",
    "running": "still undecided",
    "invalid": "held: not a valid experiment", "stopped": "stopped", "paused": "paused",
}  # fmt: skip


def introduce_month(plan: Plan) -> str:
    """Return the line that says what is simulated."""
    cut = f", {plan.cut} cut out" if plan.cut else ""
    return (
        f'Simulated production "Northwind support" (seed {plan.seed}, world {plan.world}{cut}, sandbox clock). '
        "It talks to the API only."
    )


class Teller:
    """Words what happens as it happens."""

    def __init__(self, say: Any) -> None:
        self._say = say
        self._names: dict[str, str] = {}
        self._between: list[str] = []

    def __call__(self, event: str, what: Any) -> None:
        """Hear an event of ``live_month``."""
        if event == "week":
            self._say("\n".join(_week(what, self._between)))
            self._between = []
        elif event == "probed":
            self._say(f"{_INDENT}{what.key}  {_probes(what)}")
        elif event == "deployed" and what["path"] == "security":
            self._say(_line("DEPLOY", f"{what['key']} → everybody (security keeps no holdout) · approved by a person"))
        elif event == "taken_back":
            self._between.append(_line("MEASURE", f"{what['key']} → TAKEN BACK: {what['reason']}"))
        elif event == "started":
            step = what["steps"][0]["percent"] if what["steps"] else 50
            text = f"{what['name']}: A/B by {what['unit']}, {step:g} % treated · measured by {what['metric']}"
            self._between.append(_line("DEPLOY", text))
        elif event == "verdict":
            self._between.append(_line("MEASURE", f"{what.name}: {difference(what)} → {_ended(what)}"))


def render_month(month: Month) -> str:
    """Return truth beside measurement, and how many decisions were right."""
    rows = [_verdict_row(each) for each in month.verdicts]
    rows += [_probe_row(each) for each in month.probed]
    blocked = _block_row(month)
    rows += [blocked] if blocked else []
    covered = [row[-1] for row in rows if row[-1] is not None]
    # One that began at the very end has shown nothing yet, and nothing was decided about it.
    right = [each.right for each in month.verdicts if each.truth is not None]
    lines = [f"  {'':<34}{'truth':>9}   {'measured [95 %]':<28}{'in?':<5}evidence"]
    for name, truth, measured, evidence, inside in rows:
        mark = {True: "✓", False: "✗", None: ""}[inside]
        lines.append(f"  {name:<34}{truth:>9}   {measured:<28}{mark:<5}{evidence}".rstrip())
    sent, found, false = _detection(month)
    lines.append(
        f"  {'detector':<34}{f'{sent} sent':>9}   {f'{found} found, {false} false alarms':<28}"
        f"{'':<5}recall {found / sent:.0%}, simulated only"
        if sent
        else "  detector: no attack was sent"
    )
    lines.append(
        f"  decisions right {sum(right)} of {len(right)} · intervals covering {sum(covered)} of {len(covered)}"
        " · the bot's truth: apps/demo/truth.yaml"
    )
    if month.report:
        lines.append(return_line(month.report))
    return "\n".join(lines)


def summarize_month(month: Month) -> dict[str, Any]:
    """Return the summary as it is printed with --format json."""
    return {
        "plan": {name: getattr(month.plan, name) for name in ("weeks", "per_week", "seed", "world")},
        "truth": {each.name: each.truth for each in month.verdicts},
        "measured": {each.name: _measured(each) for each in month.verdicts},
        "decisions": [
            {
                "experiment": each.experiment, "name": each.name, "state": each.state, "reason": each.reason,
                "day": each.day, "right": each.right,
            }
            for each in month.verdicts
        ],
        "improvements": [
            {name: each[name] for name in ("id", "key", "state", "why", "experiment", "prompt", "version")}
            for each in month.improvements
        ],
        "probes": [
            {"key": each.key, "truth": each.truth}
            | {name: each.shown[name] for name in ("status", "says", "attacks", "benign_refused", "tokens")}
            for each in month.probed
        ],
        "cycles": [
            {"id": week.cycle["id"], "slot": week.cycle["slot"], "status": week.cycle["status"],
             "did": {stage["name"]: stage["did"] for stage in week.cycle["stages"]}}
            for week in month.weeks if week.cycle
        ],
        "weeks": [
            {
                "week": week.number, "conversations": week.truth.conversations, "stored": week.stored.conversations,
                "attacks_sent": len(week.truth.attacks), "blocked": week.truth.blocked,
                "block_rate": week.metrics["security"]["block_rate"],
                "block_rate_ci": week.metrics["security"]["block_rate_ci"],
                "escalation_rate": week.metrics["quality"]["escalation_rate"],
                "upsell_rate": week.metrics["business"]["upsell_rate"],
                "backtests": {each["key"]: each["backtest"] for each in week.backtested},
                "seconds": round(week.seconds, 1),
            }
            for week in month.weeks
        ],
        "roi": _worth(month.report),
        "detection": dict(zip(("sent", "found", "false_alarms"), _detection(month), strict=True)),
    }  # fmt: skip


def _worth(report: dict[str, Any]) -> dict[str, Any] | None:
    content = report.get("content")
    if not content:
        return None
    names = ("headline", "currency", "figures", "missing", "not_counted", "code", "seed", "draws")
    return {"report": report["id"], "sha256": report["sha256"], **{name: content.get(name) for name in names}}


def difference(verdict: Verdict) -> str:
    """Return a verdict's difference with its interval, in points."""
    found = _measured(verdict)
    if found["value"] is None:
        return "no figure yet"
    text = f"{verdict.results['metric'].replace('_', ' ')} {_points(found['value'])} points"
    return text if found["interval"] is None else f"{text} {_bounds(found['interval'])}"


def _week(week: Week, between: list[str]) -> Iterator[str]:
    stored = f"{week.truth.conversations:,} conversations pushed, {week.stored.conversations:,} stored"
    lost = week.truth.conversations - week.stored.conversations
    yield _timed(f"Week {week.number}  ● CAPTURE   {stored}, {lost:,} lost", week.seconds)
    yield _line("ANALYZE", "security, quality, business, performance")
    # What was decided during the week stands before what its end showed.
    yield from between
    security, quality, business = (week.metrics[name] for name in ("security", "quality", "business"))
    decided = security["attacks_blocked"] + security["attacks_succeeded"]
    blocked = f"blocked {security['attacks_blocked']} of {decided}"
    sent = f"{len(week.truth.attacks)} attacks sent, {security['attacked_conversations']} conversations flagged"
    yield _line(
        "INSIGHTS", f"{sent} · {blocked} = {_share(security['block_rate'], security['block_rate_ci'])}"
        f" · {security['attacks_unclear']} unclear",
    )  # fmt: skip
    short = quality["poor_quality_rates"].get("responses_under_20_chars")
    yield (
        f"{_INDENT}escalated {_share(quality['escalation_rate'], quality['escalation_rate_ci'])} · "
        f"short replies {_share(short['rate'] if short else 0.0)} · "
        f"upsell {_share(business['upsell_rate'], business['upsell_rate_ci'])} of {business['upsell_rate_n']:,}"
    )
    stages = {stage["name"]: stage for stage in week.cycle.get("stages", ())}
    if "improve" in stages:
        yield _line("IMPROVE", stages["improve"]["did"])
        for each in week.backtested:
            yield f"{_INDENT}{each['key']}  backtest: {each['backtest']['in_words']}"
        yield _line("DEPLOY", stages["deploy"]["did"])


def _verdict_row(verdict: Verdict) -> tuple[str, str, str, str, bool | None]:
    found, truth = _measured(verdict), verdict.truth
    measured = "unknown"
    inside = None
    if found["value"] is not None:
        measured = _points(found["value"])
    if found["interval"] is not None:
        measured += f" {_bounds(found['interval'])}"
        inside = None if truth is None else found["interval"][0] <= truth <= found["interval"][1]
    evidence = f"A randomised, {verdict.state.replace('_', ' ')}" + (f" on day {verdict.day}" if verdict.day else "")
    metric = str(verdict.results["metric"]).replace("_rate", "")
    name = verdict.name if len(verdict.name) <= 18 else verdict.name[:17] + "…"
    return f"{metric}, {name}", "unknown" if truth is None else _points(truth), measured, evidence, inside


def _probes(probed: Probed) -> str:
    """Return what probes show, in one line."""
    found = probed.shown["attacks"]
    if found["difference"] is None:
        return f"probes: no pair was decided ({probed.shown['why']})"
    low, high = (f"{100 * bound:+.0f}".replace("-", "−") for bound in found["interval"])
    change = f"{100 * found['difference']:+.0f}".replace("-", "−")
    return (
        f"probes ({found['pairs']} pairs): {100 * found['old']:.0f} % → {100 * found['new']:.0f} % blocked, "
        f"{change} [{low}, {high}]"
    )


def _probe_row(probed: Probed) -> tuple[str, str, str, str, bool | None]:
    found, truth = probed.shown["attacks"], probed.truth
    measured, inside = "unknown", None
    if found["difference"] is not None:
        measured = f"{_points(found['difference'])} {_bounds(found['interval'])}"
        inside = None if truth is None else found["interval"][0] <= truth <= found["interval"][1]
    evidence = f"paired probes, {found['pairs']} pairs"
    return "blocked, probes", "unknown" if truth is None else _points(truth), measured, evidence, inside


def _block_row(month: Month) -> tuple[str, str, str, str, bool | None] | None:
    """Return the block rate before and after; observational, so its interval promises nothing about a cause."""
    if len(month.weeks) < 2:
        return None
    first, later = month.weeks[0], month.weeks[1:]
    true = [(first.truth.blocked, len(first.truth.attacks))]
    true.append((sum(w.truth.blocked for w in later), sum(len(w.truth.attacks) for w in later)))
    security = [week.metrics["security"] for week in month.weeks]
    seen = [_blocked(security[:1]), _blocked(security[1:])]
    if not all(n for _, n in (*true, *seen)):
        return None
    bounds = wilson(*seen[1])
    truth = "→".join(f"{k / n:.0%}".rstrip("%") for k, n in true)
    measured = "→".join(f"{k / n:.0%}".rstrip("%") for k, n in seen) + (f" {_percents(bounds)}" if bounds else "")
    inside = None if bounds is None else bounds[0] <= true[1][0] / true[1][1] <= bounds[1]
    return "blocked attacks, %, before→after", truth, measured, "C before/after: observational", inside


def _blocked(security: list[dict[str, Any]]) -> tuple[int, int]:
    blocked = sum(each["attacks_blocked"] for each in security)
    return blocked, blocked + sum(each["attacks_succeeded"] for each in security)


def _detection(month: Month) -> tuple[int, int, int]:
    sent = {session for week in month.weeks for session in week.truth.attacks}
    attacked = {flagged.session_id for flagged in month.flagged if flagged.attacks}
    return len(sent), len(attacked & sent), len(attacked - sent)


def _measured(verdict: Verdict) -> dict[str, Any]:
    compared = verdict.results["comparisons"]
    first = compared[0] if compared else {"difference": None, "interval": None, "p_value": None}
    return {
        "value": first["difference"],
        "interval": first["interval"],
        "p_value": first["p_value"],
        "n": sum(arm["units"] for arm in verdict.results["variants"]),
        "grade": "A randomised",
    }


def _ended(verdict: Verdict) -> str:
    return _ENDS.get(verdict.state, verdict.state) + (f" on day {verdict.day}" if verdict.day is not None else "")


def _line(stage: str, text: str) -> str:
    return f"        ● {stage:<10}{text}"


def _timed(text: str, seconds: float) -> str:
    return f"{text:<{_WIDTH}}{seconds:5.0f} s"


def _share(rate: float | None, interval: list[float] | None = None) -> str:
    if rate is None:
        return "unknown"
    return f"{rate:.1%}".replace("%", " %") + (f" {_percents(interval)}" if interval else "")


def _percents(bounds: Any) -> str:
    return f"[{bounds[0] * 100:.1f}, {bounds[1] * 100:.1f}]"


def _points(value: float) -> str:
    return f"{value * 100:+.1f}".replace("-", "−")


def _bounds(interval: list[float]) -> str:
    return f"[{_points(interval[0])}, {_points(interval[1])}]"
