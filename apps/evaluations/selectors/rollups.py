"""Tallies from daily rollups: many are merged once, by the stretch, and kept while their rows stay what they are.

A rollup's row never changes: recomputing a day deletes its rows and writes others. So the ids of a stretch's rows say
exactly what its merged tally is made of, and asking for the ids is cheap. Only ids that the caller's organization can
see are ever looked up.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from django.db.models import QuerySet, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from apps.evaluations.domain.tally import Tally, merge_all
from apps.evaluations.models import DailyRollup

COLUMNS = ("agent", "prompt_version", "variant", "channel")
# So few are merged as they come.
FEW = 300
# The newest days change while traffic comes in, so each is a stretch of its own; older ones go by the week.
_NEW = timedelta(days=8)
_MOST_BYTES = 16_000_000

Stretch = tuple[tuple[str, ...], tuple[int, ...]]
_decode_tally = msgspec.json.Decoder(Tally).decode
_decode_stretch = msgspec.json.Decoder(list[tuple[str, str, Tally]]).decode


def read_groups(rows: QuerySet[DailyRollup], by: Sequence[str]) -> Iterator[tuple[str, str, Tally]]:
    """Yield (grouping, key, tally) of these rollups, some keys more than once; their merged tallies are the groups.

    ``by`` names groupings that rollups keep apart: day, week and COLUMNS; "" is all of them as one group.
    """
    columns = [name if name in COLUMNS else "day" for name in by]
    texts = RawSQL("CASE WHEN count(*) OVER () <= %s THEN tally::text END", [FEW], TextField())
    found = list(rows.annotate(text=texts).values_list("id", "day", "text", *columns))
    if found and found[0][2] is not None:
        yield from _grouped(((text, values) for _, _, text, *values in found), by)
        return
    stretches = [(tuple(by), ids) for ids in _stretches((row[0], row[1]) for row in found)]
    known = {stretch: text for stretch in stretches if (text := _kept.get(stretch)) is not None}
    missing = [stretch for stretch in stretches if stretch not in known]
    loaded = _load([each for _, ids in missing for each in ids], columns)
    for text in known.values():
        yield from _decode_stretch(text)
    for stretch in missing:
        parts = [loaded[each] for each in stretch[1] if each in loaded]
        merged = _merged(_grouped(parts, by))
        if len(parts) == len(stretch[1]):
            _kept.put(stretch, msgspec.json.encode(merged))
        yield from merged


def group_key(by: str, value: Any) -> str:
    """Return the name of a group for a column's value; days and weeks in ISO 8601."""
    if not by:
        return ""
    if by == "week":
        year, week, _ = value.isocalendar()
        return f"{year}-W{week:02d}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _grouped(rows: Iterable[tuple[str, Sequence[Any]]], by: Sequence[str]) -> Iterator[tuple[str, str, Tally]]:
    for text, values in rows:
        part = _decode_tally(text)
        for name, value in zip(by, values, strict=True):
            yield name, group_key(name, value), part


def _merged(parts: Iterable[tuple[str, str, Tally]]) -> list[tuple[str, str, Tally]]:
    groups: dict[tuple[str, str], list[Tally]] = {}
    for name, key, part in parts:
        groups.setdefault((name, key), []).append(part)
    return [(name, key, merge_all(members)) for (name, key), members in groups.items()]


def _stretches(rows: Iterable[tuple[int, date]]) -> list[tuple[int, ...]]:
    pairs = list(rows)
    newest = max((day for _, day in pairs), default=date.min)
    found: dict[Any, list[int]] = {}
    for number, day in pairs:
        found.setdefault(day if newest - day < _NEW else day.isocalendar()[:2], []).append(number)
    return [tuple(sorted(ids)) for ids in found.values()]


def _load(ids: Sequence[int], columns: Sequence[str]) -> dict[int, tuple[str, Sequence[Any]]]:
    if not ids:
        return {}
    # jsonb leaves as text: Django's own decoding costs more than the query.
    rows = DailyRollup.objects.filter(id__in=ids).annotate(text=Cast("tally", TextField()))
    return {number: (text, values) for number, text, *values in rows.values_list("id", "text", *columns)}


class _Kept:
    """Encoded results, the least recently used forgotten first."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._size = most_bytes, 0
        self._texts: OrderedDict[Stretch, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, stretch: Stretch) -> bytes | None:
        with self._lock:
            text = self._texts.get(stretch)
            if text is not None:
                self._texts.move_to_end(stretch)
            return text

    def put(self, stretch: Stretch, text: bytes) -> None:
        with self._lock:
            self._size += len(text) - len(self._texts.pop(stretch, b""))
            self._texts[stretch] = text
            while self._size > self._most:
                self._size -= len(self._texts.popitem(last=False)[1])


_kept = _Kept(_MOST_BYTES)
