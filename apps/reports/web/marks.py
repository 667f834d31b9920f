"""What changed, as marks on day charts: two words at the hairline, a sentence and an address in the list below."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.urls import reverse

from apps.library.services.watching import WATCHER
from apps.organizations.web.access import Access
from apps.reports.selectors.changes import Changes, Turn

_LONGEST = 24
Mark = dict[str, Any]
_ENDED = {
    "promoted": "promoted", "rolled_back": "rolled back", "loser": "ended, worse than control",
    "no_winner": "ended without a winner", "stopped": "stopped",
}  # fmt: skip


def marks_of(changes: Changes, access: Access) -> list[Mark]:
    """Return marks as charts.mark takes them, oldest first."""
    found = [*_turns(changes), *_moves(changes), *_guardrails(changes, access)]
    return sorted(found, key=lambda each: each["at"])


def _turns(changes: Changes) -> Iterator[Mark]:
    for each in changes.turns:
        kind = "Rollout" if each.is_rollout else "Experiment"
        yield _mark(
            each.at, _short(each), f"{kind} “{each.name}” of {each.prompt}: {_what(each)}",
            reverse("experiment", args=[each.experiment_id]), bad=each.what == "rolled_back",
        )  # fmt: skip


def _what(turn: Turn) -> str:
    if turn.what == "running":
        return "began"
    return f"{turn.rule} begins" if turn.what == "advance" else _ENDED[turn.what]


def _short(turn: Turn) -> str:
    if turn.what == "running":
        return f"{_cut(turn.name)} {'rollout' if turn.is_rollout else 'A/B'}"
    if turn.what in {"promoted", "rolled_back"}:
        return _ENDED[turn.what]
    return turn.rule if turn.what == "advance" else f"{_cut(turn.name)} ended"


def _moves(changes: Changes) -> Iterator[Mark]:
    promoted = {(each.at, each.prompt) for each in changes.turns if each.what == "promoted"}
    for each in changes.moves:
        # A promotion moves the label: that is one change.
        if (each.at, each.prompt) in promoted:
            continue
        back = each.before is not None and each.number < each.before
        yield _mark(
            each.at, f"{_cut(each.prompt)} {'back to ' if back else ''}v{each.number}",
            f"production of {each.prompt} {'went back' if back else 'moved'} to version {each.number}"
            + (f" from {each.before}" if each.before is not None else ""),
            reverse("prompt", args=[each.prompt]), bad=back,
        )  # fmt: skip


def _guardrails(changes: Changes, access: Access) -> Iterator[Mark]:
    begun = {(each.name, each.application_id, each.at) for each in changes.standings}
    names = {each.id: each.name for each in access.applications}
    for each in changes.standings:
        whose = "all applications" if each.application_id is None else names.get(each.application_id, "an application")
        url = reverse("guardrail", args=[each.name])
        yield _mark(
            each.at, f"{_cut(each.name)} {each.version}",
            f"Guardrail {each.name}@{each.version} in force for {whose}", url,
        )  # fmt: skip
        # Where another version begins at the end of one, that is one change.
        if each.until is not None and (each.name, each.application_id, each.until) not in begun:
            itself = each.ended_by == WATCHER
            what = "switched itself off" if itself else "out of force"
            yield _mark(
                each.until, f"{_cut(each.name)} off", f"Guardrail {each.name}@{each.version} {what} for {whose}", url,
                bad=itself,
            )  # fmt: skip


def _mark(at: datetime, short: str, words: str, url: str, *, bad: bool = False) -> Mark:
    return {"at": at, "short": short, "words": words, "url": url, "bad": bad}


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
