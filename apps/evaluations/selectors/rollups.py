"""Tallies from daily rollups: many are merged once, by the stretch, and kept while their rows stay what they are.

A rollup's row never changes: recomputing a day deletes its rows and writes others. So the ids of a stretch's rows say
exactly what its merged tally is made of, and asking for the ids is cheap. Only ids that the caller's organization can
see are ever looked up.
"""

from __future__ import annotations

import hashlib
import threading
from array import array
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from django.db.models import Case, Exists, QuerySet, TextField, When
from django.db.models.expressions import RawSQL

from apps.evaluations.domain.tally import FIELDS, Tally, merge_all
from apps.evaluations.models import DailyRollup

COLUMNS = ("agent", "prompt_version", "variant", "channel")
# So few are merged as they come.
FEW = 300
# The newest days change while traffic comes in, so each is a stretch of its own; older ones go by the week, and all
# weeks of a period together once more.
_NEW = timedelta(days=8)
_MOST_BYTES = 16_000_000

Group = tuple[str, str, Tally]
_decode_tally = msgspec.json.Decoder(Tally).decode
_decode_stretch = msgspec.json.Decoder(list[Group]).decode


class Rollups:
    """Rollups that one query found: their tallies are read as groups are asked for, of all of their days or of some."""

    def __init__(self, rows: QuerySet[DailyRollup], by: Sequence[str], fields: Collection[str] = FIELDS) -> None:
        """Find them. ``by`` names the groupings that will be asked for: day, week and COLUMNS; "" is all of them as one
        group. ``fields`` are those of a tally that are wanted; the others are left out."""
        self._fields = tuple(fields)
        columns = [name for name in by if name in COLUMNS]
        texts = Case(When(~Exists(rows[FEW:]), then=_text(fields)), output_field=TextField())
        found = list(rows.annotate(text=texts).values_list("id", "day", "text", *columns))
        self._few: list[tuple[date, str, dict[str, str]]] | None = None
        self._days: dict[date, array[int]] = {}
        if found and found[0][2] is not None:
            self._few = [(day, text, dict(zip(columns, values, strict=True))) for _, day, text, *values in found]
            return
        for number, day in sorted((row[0], row[1]) for row in found):
            self._days.setdefault(day, array("q")).append(number)

    def groups(self, by: Sequence[str], since: date | None = None, until: date | None = None) -> Iterator[Group]:
        """Yield (grouping, key, tally) of the days from ``since`` until before ``until``, some keys more than once;
        their merged tallies are the groups."""

        def asked(day: date) -> bool:
            return (since is None or day >= since) and (until is None or day < until)

        if self._few is not None:
            those = [(text, [told.get(name, day) for name in by]) for day, text, told in self._few if asked(day)]
            yield from _grouped(those, by)
            return
        reading = _Reading(tuple(by), self._fields)
        weeks, days = self._stretches([day for day in sorted(self._days) if asked(day)])
        yield from reading.whole(weeks)
        yield from reading.each(days)[0]

    def _stretches(self, wanted: Sequence[date]) -> tuple[list[array[int]], list[array[int]]]:
        """Return the ids of each older week, and of each of the newest days."""
        newest = max(self._days, default=date.min)
        weeks: dict[tuple[int, int], array[int]] = {}
        days = []
        for day in wanted:
            if newest - day < _NEW:
                days.append(self._days[day])
            else:
                weeks.setdefault(day.isocalendar()[:2], array("q")).extend(self._days[day])
        return list(weeks.values()), days


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


def _merged(parts: Iterable[Group], fields: Collection[str]) -> list[Group]:
    groups: dict[tuple[str, str], list[Tally]] = {}
    for name, key, part in parts:
        groups.setdefault((name, key), []).append(part)
    return [(name, key, merge_all(members, fields)) for (name, key), members in groups.items()]


def _text(fields: Collection[str]) -> RawSQL:
    """Return the tally without other fields as text: Django's own decoding of jsonb costs more than the query."""
    return RawSQL("(tally - %s::text[])::text", [[name for name in FIELDS if name not in fields]], TextField())


class _Reading:
    """Stretches read in one way: by these groupings, these fields."""

    def __init__(self, by: tuple[str, ...], fields: tuple[str, ...]) -> None:
        self._by, self._fields = by, fields
        self._columns = [name if name in COLUMNS else "day" for name in by]
        self._way = repr((by, fields)).encode()

    def whole(self, stretches: Sequence[array[int]]) -> list[Group]:
        """Return the groups of all these stretches together."""
        key = self._key(stretches)
        if (text := _kept.get(key)) is not None:
            return _decode_stretch(text)
        parts, complete = self.each(stretches)
        merged = _merged(parts, self._fields)
        if complete and len(stretches) > 1:
            _kept.put(key, msgspec.json.encode(merged))
        return merged

    def each(self, stretches: Sequence[array[int]]) -> tuple[list[Group], bool]:
        """Return the groups of each stretch, and whether every row was still there to be read."""
        known = [(key, ids, _kept.get(key)) for ids in stretches for key in [self._key([ids])]]
        loaded = self._load([each for _, ids, text in known if text is None for each in ids])
        found: list[Group] = []
        complete = True
        for key, ids, text in known:
            if text is not None:
                found += _decode_stretch(text)
                continue
            parts = [loaded[each] for each in ids if each in loaded]
            merged = _merged(_grouped(parts, self._by), self._fields)
            if len(parts) == len(ids):
                _kept.put(key, msgspec.json.encode(merged))
            else:
                complete = False
            found += merged
        return found, complete

    def _key(self, stretches: Sequence[array[int]]) -> bytes:
        digest = hashlib.blake2b(self._way, digest_size=16)
        for ids in stretches:
            digest.update(len(ids).to_bytes(8) + ids.tobytes())
        return digest.digest()

    def _load(self, ids: Sequence[int]) -> dict[int, tuple[str, Sequence[Any]]]:
        if not ids:
            return {}
        rows = DailyRollup.objects.filter(id__in=ids).annotate(text=_text(self._fields))
        return {number: (text, values) for number, text, *values in rows.values_list("id", "text", *self._columns)}


class _Kept:
    """Encoded results, the least recently used forgotten first."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._size = most_bytes, 0
        self._texts: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, stretch: bytes) -> bytes | None:
        with self._lock:
            text = self._texts.get(stretch)
            if text is not None:
                self._texts.move_to_end(stretch)
            return text

    def put(self, stretch: bytes, text: bytes) -> None:
        with self._lock:
            self._size += len(text) - len(self._texts.pop(stretch, b""))
            self._texts[stretch] = text
            while self._size > self._most:
                self._size -= len(self._texts.popitem(last=False)[1])


_kept = _Kept(_MOST_BYTES)
