"""Topics of conversations: TF-IDF, its strongest directions, k-means, and c-TF-IDF for their names.

Users write this data. One of them supplies at most 1 % of what topics are learned from, or three conversations where
that is more; a word counts when at least ``FEWEST_USERS`` said it, and a topic exists when as many talk about it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from apps.evaluations.domain.shares import within_share
from apps.evaluations.domain.topics import FEWEST, FEWEST_OF_TOPIC, FEWEST_USERS
from apps.evaluations.domain.topics.clusters import best_clusters
from apps.evaluations.domain.topics.vectors import Floats, Rows, directions, unit
from apps.evaluations.domain.topics.words import root

# So many conversations a topic on average, or most would stay grey: the silhouette alone splits ever further.
_USUAL = 30
_SIZES = (2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20)
_RANK = 64
_MOST_TERMS = 3_000
# A word of more conversations than this tells none from another.
_COMMONEST = 0.5
# A conversation whose words hardly point where its topic's do is of none.
_NEAREST = 0.25
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Said:
    """The words of one conversation's user; ``user`` is '' where nobody was named."""

    user: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One topic as it was found: its naming words, strongest first, and how much stands behind it in the sample."""

    words: tuple[str, ...]
    conversations: int
    users: int


class Model(msgspec.Struct, frozen=True):
    """What tells a conversation's topic. ``basis`` is terms × rank and ``centres`` topics × rank, float32 as bytes."""

    terms: tuple[str, ...]
    idf: bytes
    basis: bytes
    centres: bytes

    def assign(self, said: Sequence[tuple[str, ...]]) -> list[int | None]:
        """Return the place of each conversation's topic among the centres, by its words; None for no topic."""
        return Reader(self).assign(said)

    def pack(self) -> bytes:
        """Return the model as it is stored."""
        return msgspec.msgpack.encode(self)


def unpack(stored: bytes) -> Model:
    """Read a packed model. Raises msgspec.DecodeError where it is none."""
    return msgspec.msgpack.decode(stored, type=Model)


class Reader:
    """A model made ready for many conversations."""

    def __init__(self, model: Model) -> None:
        self._places = {term: place for place, term in enumerate(model.terms)}
        self._idf = np.frombuffer(model.idf, np.float32)
        self._basis = np.frombuffer(model.basis, np.float32).reshape(len(model.terms), -1)
        self._centres = np.frombuffer(model.centres, np.float32).reshape(-1, self._basis.shape[1])

    def assign(self, said: Sequence[tuple[str, ...]]) -> list[int | None]:
        """Return the place of each conversation's topic among the centres, by its words; None for no topic."""
        if not said:
            return []
        rows = unit(Rows(_weigh(said, self._places, self._idf), len(self._idf)).times(self._basis))
        likeness = rows @ self._centres.T
        nearest = likeness.argmax(axis=1)
        return [int(place) if each[place] >= _NEAREST else None for place, each in zip(nearest, likeness, strict=True)]


def limited(said: Sequence[Said]) -> list[int]:
    """Return the places of the conversations that may teach, in their order: no user beyond their share."""
    return within_share(range(len(said)), lambda place: said[place].user)


def find_topics(said: Sequence[Said], *, seed: int) -> tuple[Model, list[Found]] | None:
    """Return the topics of conversations, most talked about first, and what assigns others to them.

    None where too little was said: under ``FEWEST`` conversations with words that several people use, or no topic
    that enough of them share. The same conversations and seed give the same topics.
    """
    anonymous = not any(each.user for each in said)
    kept = [said[place] for place in limited(said)]
    speakers = [str(number) if anonymous else each.user for number, each in enumerate(kept)]
    terms, weights = _vocabulary(kept, speakers)
    places = {term: place for place, term in enumerate(terms)}
    weighed = _weigh([each.words for each in kept], places, weights)
    telling = [number for number, row in enumerate(weighed) if row]
    if len(telling) < FEWEST:
        return None
    rows = Rows([weighed[number] for number in telling], len(terms))
    basis = directions(rows, _RANK, seed=seed)
    vectors = unit(rows.times(basis))
    sizes = [size for size in _SIZES if size <= len(telling) // _USUAL]
    centres = best_clusters(vectors, sizes, seed=seed)
    found = _name(kept, speakers, telling, vectors, centres)
    if not found:
        return None
    model = Model(terms, weights.tobytes(), basis.tobytes(), centres[[place for place, _ in found]].tobytes())
    return model, [topic for _, topic in found]


def _vocabulary(said: Sequence[Said], speakers: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Return the terms that tell conversations apart, by name, and their inverse document frequency."""
    counts: Counter[str] = Counter()
    users: defaultdict[str, set[str]] = defaultdict(set)
    for each, speaker in zip(said, speakers, strict=True):
        for term in {root(word) for word in each.words}:
            counts[term] += 1
            if len(users[term]) < FEWEST_USERS:
                users[term].add(speaker)
    enough = [term for term, n in counts.items() if len(users[term]) >= FEWEST_USERS and n <= _COMMONEST * len(said)]
    terms = tuple(sorted(sorted(enough, key=lambda term: (-counts[term], term))[:_MOST_TERMS]))
    idf = [math.log((1 + len(said)) / (1 + counts[term])) + 1 for term in terms]
    return terms, np.asarray(idf, np.float32)


def _weigh(said: Sequence[tuple[str, ...]], places: Mapping[str, int], idf: Floats) -> list[dict[int, float]]:
    """Return the TF-IDF row of each conversation, at length 1; frequencies count by their logarithm."""
    rows = []
    for words in said:
        counts = Counter(place for word in words if (place := places.get(root(word))) is not None)
        row = {place: (1 + math.log(n)) * float(idf[place]) for place, n in counts.items()}
        length = math.sqrt(sum(weight * weight for weight in row.values()))
        rows.append({place: weight / length for place, weight in row.items()})
    return rows


def _name(
    said: Sequence[Said], speakers: Sequence[str], telling: Sequence[int], vectors: Floats, centres: Floats
) -> list[tuple[int, Found]]:
    """Return the clusters that are topics with their places, largest first, each named by c-TF-IDF.

    The weight of a word in a topic is its frequency there times log(1 + A/f), with f its frequency in all topics and
    A the mean number of words of a topic (Grootendorst 2022, BERTopic). A name is a word that people wrote, never one
    that fewer than ``FEWEST_USERS`` of this topic did.
    """
    likeness = vectors @ centres.T
    nearest = likeness.argmax(axis=1)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for number, place, each in zip(telling, nearest, likeness, strict=True):
        if each[place] >= _NEAREST:
            members[int(place)].append(number)
    counts = {
        place: Counter(root(word) for number in numbers for word in said[number].words)
        for place, numbers in members.items()
    }
    everywhere: Counter[str] = Counter()
    for each_counts in counts.values():
        everywhere.update(each_counts)
    mean = everywhere.total() / max(1, len(counts))
    found = []
    for place, numbers in members.items():
        speaking = {speakers[number] for number in numbers}
        spelled = _spellings([(speakers[number], said[number].words) for number in numbers])
        weights = {
            term: counts[place][term] * math.log(1 + mean / everywhere[term])
            for term in counts[place]
            if term in spelled
        }
        strongest = sorted(weights, key=lambda term: (-weights[term], term))[:_NAMED]
        if len(numbers) >= FEWEST_OF_TOPIC and len(speaking) >= FEWEST_USERS and strongest:
            found.append((place, Found(tuple(spelled[term] for term in strongest), len(numbers), len(speaking))))
    return sorted(found, key=lambda each: (-each[1].conversations, each[1].words))


def _spellings(told: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """Return how each term is written by most people, of spellings that enough people use."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for speaker, words in told:
        for word in words:
            users[word].add(speaker)
    best: dict[str, str] = {}
    for word, who in sorted(users.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(who) >= FEWEST_USERS:
            best.setdefault(root(word), word)
    return best
