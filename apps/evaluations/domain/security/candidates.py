"""New attack patterns: clusters of suspicious messages that no rule matched, each made a rule for a person to judge.

Attackers write this traffic. A cluster needs several users, one user gives at most ``MOST_OF_ONE_USER`` messages to it,
and a rule that would hit more benign messages than its limit is not proposed.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from zlib import crc32

import msgspec

from apps.evaluations.domain.alike import bands_of, jaccard, pieces_of, sign
from apps.evaluations.domain.intervals import wilson
from apps.evaluations.domain.security.masking import mask
from apps.evaluations.domain.security.readings import fold
from apps.evaluations.domain.security.rulepack import Rule, RuleSet

MOST_OF_ONE_USER = 3
FEWEST_MESSAGES, FEWEST_USERS = 4, 2
# A candidate may hit this share of benign messages.
MOST_BENIGN = 0.001
_WORD = re.compile(r"\w+")
_ALIKE = 0.4
_COVERED = 0.8
_LONGEST_PHRASE, _SHORTEST_PHRASE = 5, 2
_MOST_PHRASES = 3
_GAP = ".{0,80}"
_BETWEEN_WORDS = r"[^\pL\pN]+"
_MOST_TRIALS = 40
_EXAMPLES = 5
_LONGEST_EXAMPLE = 300


class Suspicious(msgspec.Struct, frozen=True):
    """A user's message the scorer found suspicious and no rule matched."""

    text: str
    user: str
    session_id: str
    score: float


class Candidate(msgspec.Struct, frozen=True):
    """A proposed rule. ``messages`` of the cluster are matched by it, of ``users``; ``benign_hits`` of
    ``benign_messages`` would be false alarms. Examples are masked."""

    rule: Rule
    messages: int
    users: int
    sessions: tuple[str, ...]
    examples: tuple[str, ...]
    mean_score: float
    benign_hits: int
    benign_messages: int
    false_positive_rate: float
    interval: tuple[float, float]


def find_candidates(
    suspicious: Iterable[Suspicious], benign: Sequence[str], *, most_benign: float = MOST_BENIGN
) -> list[Candidate]:
    """Return a rule for each cluster that has one precise enough, most users first. ``benign`` are messages of the
    same traffic that nothing flagged; without any no false-positive rate can be told, so nothing is proposed."""
    if not benign:
        return []
    kept = _limited(suspicious)
    folded = [fold(item.text) for item in kept]
    quiet = [fold(text) for text in benign]
    phrases_of_benign = Counter(phrase for text in quiet for phrase in _phrases(_WORD.findall(text)))
    found = []
    for members in _clusters(folded):
        if len(members) < FEWEST_MESSAGES or len({kept[i].user for i in members}) < FEWEST_USERS:
            continue
        candidate = _propose([kept[i] for i in members], [folded[i] for i in members], quiet, phrases_of_benign)
        if candidate is not None and candidate.false_positive_rate <= most_benign:
            found.append(candidate)
    return sorted(found, key=lambda each: (-each.users, -each.messages, each.rule.id))


def _limited(suspicious: Iterable[Suspicious]) -> list[Suspicious]:
    taken: Counter[str] = Counter()
    kept = []
    for item in sorted(suspicious, key=lambda each: (-each.score, each.session_id, each.text)):
        # Whoever is not known counts as one user for all such messages.
        if taken[item.user] < MOST_OF_ONE_USER:
            taken[item.user] += 1
            kept.append(item)
    return kept


def _clusters(texts: Sequence[str]) -> list[list[int]]:
    """Group texts that share enough word pairs: MinHash bands propose, the true Jaccard similarity decides."""
    pieces = [pieces_of(text) for text in texts]
    buckets: dict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
    for index, own in enumerate(pieces):
        for band in bands_of(sign(own)):
            buckets[band].append(index)
    parent = list(range(len(texts)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for together in buckets.values():
        # Compared with the first only: who is like it is like the others enough, and the work stays linear.
        for other in together[1:]:
            if root(other) != root(together[0]) and jaccard(pieces[together[0]], pieces[other]) >= _ALIKE:
                parent[root(other)] = root(together[0])
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(texts)):
        groups[root(index)].append(index)
    return list(groups.values())


def _phrases(words: Sequence[str]) -> set[tuple[str, ...]]:
    sizes = range(_SHORTEST_PHRASE, _LONGEST_PHRASE + 1)
    return {tuple(words[i : i + size]) for size in sizes for i in range(len(words) - size + 1)}


def _propose(
    members: Sequence[Suspicious], folded: Sequence[str], benign: Sequence[str], common: Counter[tuple[str, ...]]
) -> Candidate | None:
    """Return the rule made of the phrases most members share and benign messages hardly use; None without any."""
    counts = Counter(phrase for text in folded for phrase in _phrases(_WORD.findall(text)))
    enough = [phrase for phrase, count in counts.items() if count >= _COVERED * len(folded)]
    # The rarest in benign messages, then the longest, say most.
    enough.sort(key=lambda phrase: (common[phrase], -len(phrase), -counts[phrase], phrase))
    chosen: list[tuple[str, ...]] = []
    for phrase in enough[:_MOST_TRIALS]:
        if len(chosen) < _MOST_PHRASES and not any(set(phrase) & set(other) for other in chosen):
            trial = _pattern([*chosen, phrase], folded)
            if sum(map(bool, _matches(trial, folded))) >= _COVERED * len(folded):
                chosen.append(phrase)
    if not chosen:
        return None
    pattern = _pattern(chosen, folded)
    hits = _matches(pattern, benign)
    caught = [item for item, hit in zip(members, _matches(pattern, folded), strict=True) if hit]
    interval = wilson(sum(hits), len(benign))
    if interval is None or len({item.user for item in caught}) < FEWEST_USERS:
        return None
    examples = tuple(mask(item.text[:_LONGEST_EXAMPLE]) for item in caught[:_EXAMPLES])
    near = next((text for text, hit in zip(benign, hits, strict=True) if not hit), "")
    rule = Rule(
        id=f"candidate-{crc32(pattern.encode()):08x}",
        type="prompt_injection",
        pattern=pattern,
        must_match=examples[:1],
        must_not_match=(mask(near[:_LONGEST_EXAMPLE]),),
        taxonomy=("LLM01", "AML.T0051"),
    )
    return Candidate(
        rule=rule,
        messages=len(caught),
        users=len({item.user for item in caught}),
        sessions=tuple(dict.fromkeys(item.session_id for item in caught)),
        examples=examples,
        mean_score=round(sum(item.score for item in caught) / len(caught), 4),
        benign_hits=sum(hits),
        benign_messages=len(benign),
        false_positive_rate=sum(hits) / len(benign),
        interval=interval,
    )


def _pattern(phrases: Sequence[tuple[str, ...]], folded: Sequence[str]) -> str:
    """Return the RE2 pattern of phrases in the order in which the first member that has them all says them."""
    order = list(phrases)
    for text in folded:
        words = _WORD.findall(text)
        places = {phrase: _place(phrase, words) for phrase in phrases}
        if all(place is not None for place in places.values()):
            order.sort(key=lambda phrase: places[phrase] or 0)
            break
    return _GAP.join(map(_written, order))


def _place(phrase: tuple[str, ...], words: Sequence[str]) -> int | None:
    size = len(phrase)
    return next((i for i in range(len(words) - size + 1) if tuple(words[i : i + size]) == phrase), None)


def _written(phrase: tuple[str, ...]) -> str:
    # RE2 knows the borders of ASCII words only.
    start, end = (r"\b" if word.isascii() else "" for word in (phrase[0], phrase[-1]))
    return start + _BETWEEN_WORDS.join(map(re.escape, phrase)) + end


def _matches(pattern: str, texts: Sequence[str]) -> list[bool]:
    rules = RuleSet([Rule(id="candidate", type="prompt_injection", pattern=pattern)])
    return [bool(rules.matching(text)) for text in texts]
