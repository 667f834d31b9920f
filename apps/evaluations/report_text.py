"""The report as plain text for a terminal. Text from logs is data: control signs in it are made visible."""

from __future__ import annotations

from datetime import date
from typing import Any

from apps.evaluations.domain.facts import FAULTS
from apps.evaluations.domain.ranking import FEWEST
from apps.evaluations.domain.trends import write_money
from apps.platform.wording import counted

_WORST = 3
_BEST = 3
_PATTERNS = 4
_THIN = 30
_SHORT = {
    "responses_under_20_chars": "short replies",
    "missing_specific_steps": "no specific steps",
    "generic_responses": "generic",
    "failed_to_gather_context": "context not gathered",
    "unhelpful_response": "unhelpful",
    "repeated_response": "repeated",
    "user_repeats_question": "question repeated",
    "user_frustration": "frustration",
}


def render(report: dict[str, Any], *, title: str) -> str:
    """Return the report, at most about 100 columns wide. Every figure in it stands in the report's JSON too."""
    metrics = report["metrics"]
    lines = _head(report, title)
    if "security" in metrics:
        lines += _security(metrics["security"], report["conversations"])
    if "quality" in metrics:
        lines += _quality(metrics["quality"], report["totals"]["conversations"])
    if "business" in metrics:
        lines += _business(metrics["business"])
    if "performance" in metrics:
        lines += _performance(metrics["performance"])
    if {"security", "quality", "business"} <= set(metrics):
        lines += _opportunities(report["opportunities"], metrics["business"]["currency"])
    if "seed_compatible" in report:
        lines += _seed(report["seed_compatible"])
    else:
        lines.append("Compared with promptfoo's counting: --seed-compatible     JSON: --format json")
    lines.append(f"Rows behind a number: flywheel rows short_replies {_where(report)}")
    return "\n".join(lines)


def _head(report: dict[str, Any], title: str) -> list[str]:
    totals, metrics = report["totals"], report["metrics"]
    seconds = totals["seconds"]
    lines = [f"{printable(title)}   {_period(metrics)}".rstrip()]
    captured = f"{counted(totals['conversations'], 'conversation')}, {counted(totals['messages'], 'message')}"
    lines.append(f" capture   {captured:<70}{seconds['capture']:>8.1f} s")
    lines.append(
        f" analyze   {'4 analyzers × ' + format(totals['conversations'], ','):<70}{seconds['analyze']:>8.1f} s"
    )
    if report["rejected"]:
        several = len({r["file"] for r in report["rejected"]}) > 1
        named = " · ".join(
            f"{r['file'] + ':' if several else ''}{r['line']:,} {r['detail']}" for r in report["rejected"][:3]
        )
        more = len(report["rejected"]) - 3
        lines.append(
            f" ! {_count(len(report['rejected']), 'line')} rejected: {printable(named)}"
            + (f" · {more:,} more" if more > 0 else "")
        )
    lines += [f" ! {w['count']:,} × {printable(w['detail'])}" for w in report["warnings"]]
    if totals["duplicates"]:
        lines.append(f" ! {_count(totals['duplicates'], 'message')} known already: nothing changed")
    if len(lines) > 3:
        one = report["batches"][0] if len(report["batches"]) == 1 else ""
        named = f"show {one} --org {report['organization']}" if one else f"list {_where(report)}"
        lines.append(f"   each line and why: flywheel batches {named}")
    return lines


def _where(report: dict[str, Any]) -> str:
    return f"--org {report['organization']} --app {report['application']}"


def _period(metrics: dict[str, Any]) -> str:
    if not metrics.get("first_day"):
        return ""
    first, last = date.fromisoformat(metrics["first_day"]), date.fromisoformat(metrics["last_day"])
    return f"{first:%-d %b %Y} – {last:%-d %b %Y} UTC" if first != last else f"{first:%-d %b %Y} UTC"


def _security(security: dict[str, Any], conversations: list[dict[str, Any]]) -> list[str]:
    lines = [f"SECURITY   ({_worth(security['calibration'])})", _attacks(security)]
    for name, counts in (("by type", security["by_type"]), ("assistant", security["assistant_faults"])):
        if counts:
            told = " · ".join(f"{_words(kind)} {n:,}" for kind, n in sorted(counts.items(), key=lambda k: -k[1]))
            lines.append(_line(name, told))
    return lines + _worst(conversations)


def _worth(calibration: dict[str, Any]) -> str:
    """Say what the counts are worth: measured on this traffic, or only elsewhere."""
    low, high = calibration["false_alarms_expected"]
    expected = f"{low:,}–{high:,} false alarms" if high > low else f"{high:,} false alarms"
    if calibration["status"] == "calibrated":
        return f"calibrated on {calibration['judged']:,} judged conversations; expect {expected} here"
    return f"uncalibrated: {calibration['reason']}; expect {expected} here, as on other traffic"


def _attacks(security: dict[str, Any]) -> str:
    if not security["attacks_detected"]:
        return _line("attacks", "none found")
    text = (
        f"{security['attacks_detected']:,}    blocked {security['attacks_blocked']:,}  "
        f"succeeded {security['attacks_succeeded']:,}  unclear {security['attacks_unclear']:,}"
    )
    if security["block_rate"] is None:
        return _line("attacks", text + "    block rate unknown: no outcome is clear")
    text += f"    block rate {_percent(security['block_rate'], security['block_rate_ci'])}"
    if security["attacks_unclear"]:
        text += f"; {security['block_rate_if_unclear_leaked']:.0%} if unclear leaked"
    return _line("attacks", text)


def _worst(conversations: list[dict[str, Any]]) -> list[str]:
    found = [(each, incident) for each in conversations for incident in each["security"]["incidents"]]
    rank = {"succeeded": 0, "unclear": 1, "blocked": 2}
    found.sort(key=lambda pair: (rank[pair[1]["outcome"]], -pair[0]["security"]["risk_score"]))
    return [
        _line(
            "" if index else "worst",
            f"{printable(conversation['session_id'])} #{incident['message_index'] + 1}  "
            f"“{_cut(printable(incident['evidence']), 44)}” → {_became(incident)}",
        )
        for index, (conversation, incident) in enumerate(found[:_WORST])
    ]


def _became(incident: dict[str, Any]) -> str:
    # A fault of the assistant is no attack that succeeded.
    return _words(incident["type"]) if incident["type"] in FAULTS else str(incident["outcome"])


def _quality(quality: dict[str, Any], conversations: int) -> list[str]:
    lines = ["QUALITY"]
    score = "unscored"
    if quality["avg_score"] is not None:
        interval = quality["avg_score_ci"]
        shown = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else f" (n {quality['avg_score_n']})"
        score = f"{quality['avg_score']:.1f} / 10{shown}"
    escalated = _percent(quality["escalation_rate"], quality["escalation_rate_ci"], 1)
    resolved = _duration(quality["resolution_time"])
    slow = f", {_duration(quality['resolution_time_p90'])} P90" if quality["resolution_time_n"] >= _THIN else ""
    lines.append(_line("score", f"{score}    escalated {escalated}    resolved in {resolved} median{slow}"))
    found = sorted(quality["poor_quality_patterns"].items(), key=lambda item: -item[1])
    if found:
        told = " · ".join(f"{_SHORT.get(name, _words(name))} {n:,}" for name, n in found[:_PATTERNS])
        lines.append(_line("patterns", told))
    csat = "CSAT never stated"
    if (n := quality["customer_satisfaction_n"]) and quality["customer_satisfaction"] is not None:
        csat = f"CSAT {quality['customer_satisfaction']:.1f} ({n:,} answered, {n / max(1, conversations):.0%})"
    unscored = quality["unscored"]
    lines.append(_line("", csat + (f" · {_count(unscored, 'conversation')} unscored" if unscored else "")))
    return lines


def _business(business: dict[str, Any]) -> list[str]:
    lines, funnel, currency = ["BUSINESS"], business["funnel"], business["currency"]
    if not funnel["offered"]:
        lines.append(_line("upsell", "no offer was made"))
    else:
        average = business["average_upsell_value"]
        lines.append(
            _line(
                "upsell",
                f"offered {funnel['offered']:,} → agreed {funnel['agreed']:,} → confirmed {funnel['confirmed']:,} = "
                f"{_percent(business['upsell_rate'], business['upsell_rate_ci'], 1)}"
                + (f"    average {write_money(average, currency)}" if average is not None else ""),
            )
        )
    standing = [each for each in business["factors"] if each["stands"]]
    if standing:
        told = " · ".join(
            f"{_words(each['factor'])} {100 * each['difference']:+.0f} points "
            f"[{100 * each['interval'][0]:+.0f}, {100 * each['interval'][1]:+.0f}]"
            for each in standing[:2]
        )
        lines.append(_line("with success", f"{told}   (association)"))
    ranked = [
        f"{printable(each['agent'])} {_percent(each['rate'], each['interval'])}"
        for each in business["best_agents"][:_BEST]
        if each["agent"]
    ]
    thin = business["agents_not_ranked"]
    if ranked or thin:
        unranked = [f"{_count(thin, 'agent')} under n = {FEWEST} not ranked"] if thin else []
        lines.append(_line("agents", " · ".join(ranked + unranked)))
    lines.append(
        _line(
            "churn",
            f"at risk {business['churn_at_risk']:,}, saved {business['churn_saved']:,}, "
            f"lost {business['churn_lost']:,} · enterprise leads {business['enterprise_leads']:,}",
        )
    )
    return lines


def _performance(performance: dict[str, Any]) -> list[str]:
    p50, p95 = _duration(performance["reply_time_p50"]), _duration(performance["reply_time_p95"])
    tokens = performance["tokens_per_conversation"]
    parts = [f"p50 {p50}, p95 {p95}"]
    if tokens is not None:
        estimated = " (estimated)" if performance["tokens_estimated_conversations"] else ""
        parts.append(f"{tokens:,.0f} tokens a conversation{estimated}")
    cost = performance["cost_per_conversation"]
    parts.append("cost unknown: no prices in the profile" if cost is None else f"${cost:.4f} a conversation")
    return ["PERFORMANCE", _line("reply time", " · ".join(parts))]


def _opportunities(found: list[dict[str, Any]], currency: str) -> list[str]:
    if not found:
        return ["TOP OPPORTUNITIES", "  none stands out: no gap in this data is surely above zero"]
    lines = [f"TOP {min(3, len(found))} OPPORTUNITIES"]
    for number, each in enumerate(found[:3], 1):
        low, high = each["interval"]
        if each["kind"] == "money":
            gain = f"{write_money(each['gain'], currency, signed=True)} if causal [{low:,.0f}, {high:,.0f}]"
        elif each["kind"] == "leak":
            gain = "grade after probes"
        else:
            gain = f"−{each['gain']:,.0f} escalations if causal [{low:,.0f}, {high:,.0f}]"
        test = f"A/B needs {_count(each['test_days'], 'day')}" if each["test_days"] else each["playbook"]
        lines.append(f"  {number} {each['title']:<25} {each['finding']:<44} {gain} · {test}")
    return lines


def _seed(found: dict[str, Any]) -> list[str]:
    lines = ["SEED-COMPATIBLE   promptfoo's conversation-replay counting, defects included"]
    for each in found["differences"]:
        theirs, ours = ("unknown" if value is None else value for value in (each["seed"], each["corrected"]))
        lines.append(f"  {each['metric']:<32}{theirs:>9}   corrected {ours:<9} {each['reason']}")
    return lines


def _line(name: str, text: str) -> str:
    return f"  {name:<13} {text}".rstrip()


def _words(name: str) -> str:
    return name.replace("_", " ")


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _percent(rate: float | None, interval: list[float] | None, digits: int = 0) -> str:
    if rate is None:
        return "unknown"
    text = f"{rate * 100:.{digits}f} %"
    return text if interval is None else f"{text} [{interval[0] * 100:.{digits}f}, {interval[1] * 100:.{digits}f}]"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:,.0f} s"


def printable(text: str) -> str:
    """Return text that cannot move a cursor, colour a terminal or break a line."""
    return "".join(c if c.isprintable() else "�" for c in text)
