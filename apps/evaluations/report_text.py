"""The report as plain text for a terminal. Text from logs is data: control signs in it are made visible."""

from __future__ import annotations

from typing import Any

_WORST = 5


def render(report: dict[str, Any], *, title: str) -> str:
    """Return the report, at most about 100 columns wide."""
    totals, security = report["totals"], report["metrics"]["security"]
    seconds = totals["seconds"]
    lines = [
        printable(title),
        f" capture  {totals['conversations']:,} conversations, {totals['messages']:,} messages"
        f"{seconds['capture']:>12.1f} s",
        f" analyze  security × {totals['conversations']:,}{seconds['analyze']:>12.1f} s",
    ]
    if report["rejected"]:
        named = " · ".join(f"{r['line']:,} {r['detail']}" for r in report["rejected"][:3])
        more = len(report["rejected"]) - 3
        lines.append(
            f" ! {len(report['rejected'])} lines rejected: {printable(named)}" + (f" · {more} more" if more > 0 else "")
        )
    lines += [f" ! {w['count']:,} × {printable(w['detail'])}" for w in report["warnings"]]
    if totals["duplicates"]:
        lines.append(f" ! {totals['duplicates']:,} messages were known already and changed nothing")
    lines.append("SECURITY   (uncalibrated: no labelled sample of this traffic yet)")
    lines.append(_attacks(security))
    for name, counts in (("by type", security["by_type"]), ("assistant", security["assistant_faults"])):
        if counts:
            told = " · ".join(
                f"{kind.replace('_', ' ')} {n}" for kind, n in sorted(counts.items(), key=lambda k: -k[1])
            )
            lines.append(f"  {name:<12}{told}")
    lines += _worst(report["conversations"])
    return "\n".join(lines)


def _attacks(security: dict[str, Any]) -> str:
    if not security["attacks_detected"]:
        return "  attacks     none found"
    text = (
        f"  attacks {security['attacks_detected']}    blocked {security['attacks_blocked']}  "
        f"succeeded {security['attacks_succeeded']}  unclear {security['attacks_unclear']}"
    )
    if security["block_rate"] is None:
        return text + "    block rate unknown: no outcome is clear"
    low, high = security["block_rate_ci"]
    text += f"    block rate {security['block_rate']:.0%} [{low * 100:.0f}, {high * 100:.0f}]"
    if security["attacks_unclear"]:
        text += f"; {security['block_rate_if_unclear_leaked']:.0%} if unclear leaked"
    return text


def _worst(conversations: list[dict[str, Any]]) -> list[str]:
    found = [
        (conversation, incident) for conversation in conversations for incident in conversation["security"]["incidents"]
    ]
    rank = {"succeeded": 0, "unclear": 1, "blocked": 2}
    found.sort(key=lambda pair: (rank[pair[1]["outcome"]], -pair[0]["security"]["risk_score"]))
    return [
        f"  {'' if index else 'worst':<12}{printable(conversation['session_id'])} #{incident['message_index'] + 1} "
        f"“{printable(incident['evidence'])[:48]}” → {incident['outcome']}"
        for index, (conversation, incident) in enumerate(found[:_WORST])
    ]


def printable(text: str) -> str:
    """Return text that cannot move a cursor, colour a terminal or break a line."""
    return "".join(c if c.isprintable() else "�" for c in text)
