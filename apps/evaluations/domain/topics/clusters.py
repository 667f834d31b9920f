"""k-means on the sphere, and how many clusters a set of rows falls into."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.evaluations.domain.topics.vectors import Floats, unit

Places = npt.NDArray[np.int64]
_ROUNDS, _STARTS = 30, 3
# How many clusters is decided on so many rows; more would cost and decide the same.
_JUDGED_ON = 2_000


def best_clusters(rows: Floats, sizes: Sequence[int], *, seed: int) -> Floats:
    """Return the centres (k × d) of the number of clusters, of ``sizes``, into which the unit rows fall best.

    Best has the highest simplified silhouette (Hruschka, de Castro and Campello 2004): how much nearer a row is to its
    own centre than to the next one, from 0 to 1.
    """
    random = np.random.default_rng(seed)
    some = rows if len(rows) <= _JUDGED_ON else rows[np.sort(random.choice(len(rows), _JUDGED_ON, replace=False))]
    found = [(silhouette(some, centres), centres) for k in sizes if (centres := cluster(some, k, seed=seed)).size]
    best = max(found, key=lambda each: each[0])[1]
    return best if some is rows else _settle(rows, best)


def cluster(rows: Floats, k: int, *, seed: int) -> Floats:
    """Return k centres of unit rows, or fewer where rows repeat: the best of several starts of Lloyd's algorithm.

    Starts are drawn by k-means++ (Arthur and Vassilvitskii 2007); likeness is the cosine (Dhillon and Modha 2001).
    """
    random = np.random.default_rng(seed)
    starts = [_settle(rows, _spread(rows, k, random)) for _ in range(_STARTS)]
    return max(starts, key=lambda centres: float((rows @ centres.T).max(axis=1).sum()))


def silhouette(rows: Floats, centres: Floats) -> float:
    """Return the mean simplified silhouette of unit rows, by cosine distance; 0 for a single centre."""
    if len(centres) < 2:
        return 0.0
    distances = 1 - np.partition(rows @ centres.T, len(centres) - 2, axis=1)[:, -2:]
    other, own = np.maximum(distances[:, 0], 0), np.maximum(distances[:, 1], 0)
    return float(np.divide(other - own, other, out=np.zeros_like(other), where=other > 0).mean())


def _spread(rows: Floats, k: int, random: np.random.Generator) -> Floats:
    chosen = [int(random.integers(len(rows)))]
    farness = np.maximum(1 - rows @ rows[chosen[0]], 0).astype(np.float64)
    while len(chosen) < k and farness.sum() > 0:
        chosen.append(int(random.choice(len(rows), p=farness / farness.sum())))
        farness = np.minimum(farness, np.maximum(1 - rows @ rows[chosen[-1]], 0))
    return rows[chosen]


def _settle(rows: Floats, centres: Floats) -> Floats:
    places: Places | None = None
    for _ in range(_ROUNDS):
        now = (rows @ centres.T).argmax(axis=1)
        if places is not None and np.array_equal(now, places):
            break
        places = now
        moved = unit(np.stack([rows[places == place].sum(axis=0) for place in range(len(centres))]))
        # A centre that lost all its rows stays where it was.
        empty = np.bincount(places, minlength=len(centres)) == 0
        moved[empty] = centres[empty]
        centres = moved
    return centres
