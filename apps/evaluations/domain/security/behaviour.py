"""What attackers do across sessions: probing, escalation, one text from many accounts, bursts, new techniques.

Everything here is a pure function of :class:`Attempt` values (or of counts), in any order. Users are keyed hashes;
attempts whose user is unknown belong to nobody and show no behaviour.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.security.kinds import SEVERITIES
from apps.evaluations.domain.values import OutcomeWord, Severity

_DIGITS_AND_SIGNS = re.compile(r"[\W\d_]+")
# A shorter text is said by many people without having copied it from one another.
_SHORTEST_TEXT = 20


class Attempt(msgspec.Struct, frozen=True):
    """One attack: who (keyed hash), when, in which session and application, what kind, by which rule, which words."""

    user: str
    at: datetime
    session_id: str
    type: str
    severity: Severity
    technique: str
    text: str = ""
    outcome: OutcomeWord = "unclear"
    application_id: int = 0


class Probing(msgspec.Struct, frozen=True):
    """One user who attacked again and again, within ``window`` of the first attempt counted."""

    user: str
    attempts: int
    sessions: tuple[str, ...]
    techniques: int
    first: datetime
    last: datetime
    succeeded: bool


class Escalation(msgspec.Struct, frozen=True):
    """One user whose attacks grew: at every ``steps`` of them worse than all before."""

    user: str
    steps: tuple[Severity, ...]
    sessions: tuple[str, ...]
    last: datetime


class SharedText(msgspec.Struct, frozen=True):
    """One text (letters only) that several users sent; ``users`` counts them, ``sessions`` are where."""

    text: str
    users: int
    sessions: tuple[str, ...]
    first: datetime
    last: datetime


class Burst(msgspec.Struct, frozen=True):
    """An hour with more attacks than chance explains: ``expected`` from all other hours of the period."""

    hour: datetime
    attacks: int
    expected: float
    p_value: float


class NewTechniques(msgspec.Struct, frozen=True):
    """How many of the recent attacks used a technique not seen before: are attackers adapting?"""

    recent: int
    unseen: int
    share: float | None
    interval: tuple[float, float] | None
    techniques: tuple[str, ...]


class Behaviour(msgspec.Struct, frozen=True):
    """All of it, for one period."""

    probing: tuple[Probing, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    shared_texts: tuple[SharedText, ...] = ()
    bursts: tuple[Burst, ...] = ()
    new_techniques: NewTechniques = NewTechniques(0, 0, None, None, ())


def observe(attempts: Sequence[Attempt], *, recent: timedelta = timedelta(days=7)) -> Behaviour:
    """Return what attackers did in the time from the first attempt to the last.

    A technique is new if only the last ``recent`` know it; where all attempts are as recent, none can be called so.
    """
    if not attempts:
        return Behaviour()
    first, last = min(a.at for a in attempts), max(a.at for a in attempts)
    late = [attempt for attempt in attempts if attempt.at > last - recent]
    before = [attempt.technique for attempt in attempts if attempt.at <= last - recent]
    counts = hourly(attempts)
    return Behaviour(
        probing=tuple(repeated_probing(attempts)),
        escalations=tuple(escalations(attempts)),
        shared_texts=tuple(shared_texts(attempts)),
        bursts=tuple(bursts(counts, int((max(counts) - min(counts)) / timedelta(hours=1)) + 1)),
        new_techniques=new_techniques(late, before) if last - first > recent else Behaviour().new_techniques,
    )


def repeated_probing(
    attempts: Iterable[Attempt], *, at_least: int = 3, window: timedelta = timedelta(days=7)
) -> list[Probing]:
    """Return users with ``at_least`` attempts in two or more sessions within any window; busiest first."""
    found = []
    for user, theirs in _by_user(attempts).items():
        best = max(_windows(theirs, window), key=lambda run: (len(run), run[0].at))
        sessions = tuple(dict.fromkeys(attempt.session_id for attempt in best))
        if len(best) >= at_least and len(sessions) >= 2:
            techniques = len({attempt.technique for attempt in best})
            won = any(attempt.outcome == "succeeded" for attempt in best)
            found.append(Probing(user, len(best), sessions, techniques, best[0].at, best[-1].at, won))
    return sorted(found, key=lambda each: (-each.attempts, each.user))


def escalations(attempts: Iterable[Attempt], *, at_least: int = 2) -> list[Escalation]:
    """Return users whose severity rose ``at_least`` times and who ended at high or critical; latest first."""
    found = []
    for user, theirs in _by_user(attempts).items():
        steps: list[Attempt] = []
        for attempt in theirs:
            if not steps or _rank(attempt) > _rank(steps[-1]):
                steps.append(attempt)
        if len(steps) > at_least and _rank(steps[-1]) >= SEVERITIES.index("high"):
            sessions = tuple(dict.fromkeys(step.session_id for step in steps))
            found.append(Escalation(user, tuple(step.severity for step in steps), sessions, steps[-1].at))
    return sorted(found, key=lambda each: (each.last, each.user), reverse=True)


def shared_texts(attempts: Iterable[Attempt], *, at_least: int = 3) -> list[SharedText]:
    """Return texts that ``at_least`` users sent, but for case, digits and punctuation; the most users first."""
    texts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        key = _DIGITS_AND_SIGNS.sub(" ", attempt.text.casefold()).strip()
        if attempt.user and len(key) >= _SHORTEST_TEXT:
            texts[key].append(attempt)
    found = []
    for key, same in texts.items():
        users = {attempt.user for attempt in same}
        if len(users) >= at_least:
            ordered = sorted(same, key=lambda attempt: attempt.at)
            sessions = tuple(dict.fromkeys(attempt.session_id for attempt in ordered))
            found.append(SharedText(key, len(users), sessions, ordered[0].at, ordered[-1].at))
    return sorted(found, key=lambda each: (-each.users, each.text))


def bursts(hourly: Mapping[datetime, int], hours: int, *, at_least: int = 3, error: float = 0.05) -> list[Burst]:
    """Return the hours whose attacks exceed what the other hours let expect; earliest first.

    ``hourly`` maps the beginning of an hour to its attacks (hours without any may be left out), ``hours`` is how many
    the period has. The test is exact for equal Poisson rates: given the total, an hour's count is binomial with
    1/hours. Holm's step-down (1979) over all hours keeps the chance of one false burst in the period below ``error``.
    """
    if hours < 2:
        return []
    left, found = dict(hourly), []
    # The busiest first: once it is a burst, it is no part of what the others are compared with.
    for step, hour in enumerate(sorted(hourly, key=lambda each: (-hourly[each], each))):
        remaining, total = hours - step, sum(left.values())
        count = left.pop(hour)
        p = min(1.0, remaining * _binomial_tail(count, total, 1 / remaining)) if remaining > 1 else 1.0
        if count < at_least or p > error:
            break
        found.append(Burst(hour, count, round(sum(left.values()) / (remaining - 1), 4), p))
    return sorted(found, key=lambda each: each.hour)


def new_techniques(recent: Sequence[Attempt], before: Iterable[str]) -> NewTechniques:
    """Return the share of recent attacks whose technique is not among those seen ``before``; None without attacks."""
    known = set(before)
    unseen = [attempt.technique for attempt in recent if attempt.technique not in known]
    share = len(unseen) / len(recent) if recent else None
    most = tuple(name for name, _ in Counter(unseen).most_common())
    return NewTechniques(len(recent), len(unseen), share, wilson(len(unseen), len(recent)), most)


def hourly(attempts: Iterable[Attempt]) -> dict[datetime, int]:
    """Return the number of attempts by the beginning of their hour."""
    return dict(Counter(attempt.at.replace(minute=0, second=0, microsecond=0) for attempt in attempts))


def _by_user(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    users: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda each: (each.at, each.session_id)):
        if attempt.user:
            users[attempt.user].append(attempt)
    return users


def _windows(ordered: Sequence[Attempt], window: timedelta) -> Iterable[Sequence[Attempt]]:
    first = 0
    for last, attempt in enumerate(ordered):
        while attempt.at - ordered[first].at > window:
            first += 1
        yield ordered[first : last + 1]


def _rank(attempt: Attempt) -> int:
    return SEVERITIES.index(attempt.severity)


def _binomial_tail(count: int, trials: int, p: float) -> float:
    """Return P(X ≥ count)."""
    total = 0.0
    for k in range(count, trials + 1):
        log = math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        term = math.exp(log + k * math.log(p) + (trials - k) * math.log1p(-p))
        total += term
        # Beyond the mean each term is smaller than the last; the rest adds nothing.
        if term < total * 1e-15:
            break
    return min(1.0, total)
