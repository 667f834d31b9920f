"""The library's files, streamed: each page of rows enters the organization anew, so no transaction outlives a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from apps.evaluations.domain.shares import most_of_one_user
from apps.evaluations.selectors import Filters
from apps.library.domain.examples import to_example
from apps.library.models import ResponseTemplate
from apps.library.selectors.learning import count_good, list_good, read_good
from apps.library.selectors.templates import Wanted, list_templates
from apps.platform.sheets import stream_rows
from apps.platform.tenancy import tenant

# The most lines an answer may have: a longer period is taken in pieces.
MOST_LINES = 10_000
# Conversations held at once: their texts are what a page weighs.
_AT_ONCE = 50
_PAGE = 500
_COLUMNS = (
    "id", "status", "application", "name", "text", "tags", "score", "conversations", "users", "prompt_version",
    "said_at", "proposed_at", "decided_by", "decided_at", "reason", "retired_by", "retired_at", "retired_reason",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """Which conversations to learn from: those of a period that score at least so much, newest first."""

    filters: Filters
    least_score: float
    most_lines: int = MOST_LINES


def fine_tune_lines(asked: Asked, *, organization_id: int) -> Iterator[bytes]:
    """Yield ``{"messages": [{"role", "content"}, …]}`` a line, at most ``most_lines``. Call outside tenant(...).

    Bounded in memory: a page of conversations and a count a user of those written. Whoever is erased while it runs is
    in no later page. One user gives three lines, or one in a hundred of those there may be; a conversation without a
    user's id is somebody else's.
    """
    written: Counter[str] = Counter()
    left = asked.most_lines
    with tenant(organization_id):
        most = most_of_one_user(count_good(asked.filters, least_score=asked.least_score, limit=left))
    after: tuple[datetime, int] | None = None
    while left > 0:
        with tenant(organization_id):
            facts = list_good(asked.filters, least_score=asked.least_score, limit=_AT_ONCE, after=after)
            found = [(good.row.user_hash, to_example(good.roles, good.texts)) for good in read_good(facts)]
        lines = []
        for user, example in found:
            if example is not None and left > 0 and (not user or written[user] < most):
                written[user] += bool(user)
                left -= 1
                lines.append(orjson.dumps({"messages": example}) + b"\n")
        if lines:
            yield b"".join(lines)
        if len(facts) < _AT_ONCE:
            return
        after = (facts[-1].started_at, facts[-1].conversation_id)


def templates_csv(wanted: Wanted, *, organization_id: int) -> Iterator[str]:
    """Return a header and a line for each template wanted, newest first. Call outside tenant(...)."""
    return stream_rows(
        _COLUMNS, lambda last: list_templates(wanted, before=last.id if last else None, limit=_PAGE), _row,
        at_once=_PAGE, organization_id=organization_id,
    )  # fmt: skip


def _row(template: ResponseTemplate) -> list[Any]:
    own = {
        "id": template.public_id, "application": template.application.slug, "tags": ", ".join(template.tags),
    }  # fmt: skip
    return [own[column] if column in own else getattr(template, column) for column in _COLUMNS]
