"""The demo's summary for a terminal: lines of at most about 100 columns."""

from __future__ import annotations

from apps.demo.summary import Detection, Figure, Measured, detect, figures
from apps.demo.truth import truth_table
from apps.demo.week import Captured, Lived, Plan

_NAMES = {
    "attacked_conversations": "conversations attacked",
    "block_rate": "attacks blocked",
    "escalation_rate": "escalated",
    "short_reply_rate": "replies under 20 characters",
    "upsell_rate": "upsells of offers",
    "average_upsell_value": "average upsell",
    "customer_satisfaction": "survey answers, of 5",
}
_LISTED = 2
_WIDTH = 92
_INDENT = " " * 20


def introduce(plan: Plan) -> str:
    """Return the line that says what is simulated."""
    prompts = "" if plan.prompts == "starting" else f", {plan.prompts} prompts"
    return (
        f'Simulated production "Northwind support" (seed {plan.seed}, world {plan.world}{prompts}, sandbox clock). '
        "It talks to the API only."
    )


def render_captured(captured: Captured) -> str:
    """Return the line on what was pushed and stored."""
    rejected = f", {captured.pushed.rejected:,} lines rejected" if captured.pushed.rejected else ""
    return _timed(
        f"Week 1  ● CAPTURE   {captured.conversations:,} conversations pushed, "
        f"{captured.stored.conversations:,} stored, {captured.lost:,} lost{rejected}",
        captured.seconds,
    )


def render_analyzed(lived: Lived) -> str:
    """Return everything that follows once the week is analyzed."""
    rows = figures(lived)
    known = [row for row in rows if row.covered is not None]
    return "\n".join([
        _timed("        ● ANALYZE   security, quality, business, performance", lived.analyze_seconds),
        *_render_detection(detect(lived)),
        *_render_untrue(lived),
        f"{'':30}{'truth':>18}   {'measured [95 %]':<42}in?",
        *(_render_row(row) for row in rows),
        f"  intervals that contain the truth: {sum(row.covered is True for row in known)} of {len(known)}"
        " · the bot's truth: apps/demo/truth.yaml",
    ])  # fmt: skip


def _timed(text: str, seconds: float) -> str:
    return f"{text:<{_WIDTH}}{seconds:6.1f} s"


def _render_detection(found: Detection) -> list[str]:
    recall = _percent(found.recall, found.recall_interval)
    lines = [
        f"{_INDENT}attacks: {found.sent} sent · found {found.found} = {recall} · missed {found.missed}"
        f" · false alarms {found.false_alarms} in {found.harmless:,} others"
    ]
    if found.succeeded:
        listed = " · ".join(found.succeeded[:_LISTED])
        more = f" · {len(found.succeeded) - _LISTED} more" if len(found.succeeded) > _LISTED else ""
        lines.append(f"{_INDENT}{len(found.succeeded)} succeeded: {listed}{more} → /conversations/?outcome=succeeded")
    return lines


def _render_untrue(lived: Lived) -> list[str]:
    """Return what was measured and has no truth in the simulation, or another kind of truth."""
    quality, business, performance = (lived.metrics[name] for name in ("quality", "business", "performance"))
    score = "score unknown"
    if quality["avg_score"] is not None:
        score = f"score {quality['avg_score']:.1f}/10 over {quality['avg_score_n']:,}"
    score += f", {quality['unscored']:,} unscored · resolved {_percent(quality['resolution_rate'])}"
    funnel = business["funnel"]
    sold = f"offered {funnel['offered']:,} → agreed {funnel['agreed']:,} → confirmed {funnel['confirmed']:,}"
    median, slow = performance["reply_time_p50"], performance["reply_time_p95"]
    if median is not None:
        score += f" · replies in {median:.1f} s, 95 % within {slow:.1f} s"
    lines = [_INDENT + score, _INDENT + sold]
    if business["best_agents"]:
        best, agents = business["best_agents"][0], truth_table().agents
        truly = max(agents, key=lambda agent: agents[agent])
        rate = _percent(best["rate"], tuple(best["interval"]))
        lines.append(f"{_INDENT}best seller {best['agent']} {rate} of {best['n']:,} (truth: {truly})")
    return lines


def _render_row(row: Figure) -> str:
    mark = {True: "✓", False: "✗", None: ""}[row.covered]
    return f"  {_NAMES[row.key]:<28}{_true(row):>18}   {_measured(row):<42}{mark}".rstrip()


def _true(row: Figure) -> str:
    if row.true_of is not None and row.true_of[1] < 1_000:
        return f"{row.true_of[0]:,} of {row.true_of[1]:,} = {_percent(row.truth)}"
    return _value(row, row.truth)


def _measured(row: Figure) -> str:
    measured = row.measured
    counts = row.measured_of if row.measured_of is not None and measured.n < 1_000 else None
    text = f"{counts[0]:,} of {counts[1]:,} = {_percent(measured.value)}" if counts else _value(row, measured.value)
    if measured.interval is not None:
        text += " " + _bounds(row, measured)
    if row.note:
        text += f" · {row.note}"
    return text if counts or row.key == "attacked_conversations" else f"{text}  n {measured.n:,}"


def _value(row: Figure, value: float | None) -> str:
    if value is None:
        return "unknown"
    if row.true_of is not None:
        return f"{value * 100:.1f} %"
    if row.key == "average_upsell_value":
        return f"${value:.2f}"
    return f"{value:,.0f}" if row.key == "attacked_conversations" else f"{value:.2f}"


def _bounds(row: Figure, measured: Measured) -> str:
    assert measured.interval is not None
    scale = 100 if row.true_of is not None else 1
    digits = 2 if row.key == "customer_satisfaction" else 0 if scale == 100 and measured.n < 1_000 else 1
    return f"[{measured.interval[0] * scale:.{digits}f}, {measured.interval[1] * scale:.{digits}f}]"


def _percent(rate: float | None, interval: tuple[float, ...] | None = None) -> str:
    if rate is None:
        return "unknown"
    text = f"{rate * 100:.0f} %"
    return text if interval is None else f"{text} [{interval[0] * 100:.0f}, {interval[1] * 100:.0f}]"
