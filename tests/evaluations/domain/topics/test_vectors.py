"""The sparse arithmetic against numpy's dense one."""

from __future__ import annotations

import numpy as np
import pytest

from apps.evaluations.domain.topics.clusters import best_clusters, cluster, silhouette
from apps.evaluations.domain.topics.vectors import Rows, directions, unit


def made(rows: int, width: int, seed: int) -> tuple[Rows, np.ndarray]:
    """Return a sparse matrix with empty rows and columns, and the same dense."""
    random = np.random.default_rng(seed)
    dense = np.where(random.random((rows, width)) < 0.1, random.random((rows, width)), 0).astype(np.float32)
    dense[::7] = 0
    dense[-1] = 0
    return Rows([{int(c): float(row[c]) for c in np.flatnonzero(row)} for row in dense], width), dense


@pytest.mark.parametrize(("rows", "width"), [(1, 3), (50, 20), (2_345, 40)])
def test_products_are_those_of_the_dense_matrix(rows: int, width: int) -> None:
    sparse, dense = made(rows, width, 1)
    right = np.random.default_rng(2).random((width, 5)).astype(np.float32)
    left = np.random.default_rng(3).random((rows, 5)).astype(np.float32)

    np.testing.assert_allclose(sparse.times(right), dense @ right, atol=1e-4)
    np.testing.assert_allclose(sparse.turned().times(left), dense.T @ left, atol=1e-3)


def test_directions_span_the_strongest_singular_vectors() -> None:
    random = np.random.default_rng(5)
    # Five strong directions and a little noise.
    dense = (random.random((300, 5)) @ random.random((5, 60)) + 0.01 * random.random((300, 60))).astype(np.float32)
    sparse = Rows([dict(enumerate(map(float, row))) for row in dense], 60)

    found = directions(sparse, 5, seed=1)

    true = np.linalg.svd(dense, full_matrices=False)[2][:5].T
    np.testing.assert_allclose(found.T @ found, np.eye(5), atol=1e-4)
    # Cosines of the angles between the two subspaces.
    np.testing.assert_allclose(np.linalg.svd(found.T @ true)[1], 1, atol=1e-3)
    np.testing.assert_array_equal(found, directions(sparse, 5, seed=1))


def test_the_number_of_clusters_is_that_of_the_clouds() -> None:
    random = np.random.default_rng(1)
    clouds = np.repeat(np.eye(6, dtype=np.float32)[:4], 100, axis=0)
    rows = unit(clouds + 0.1 * random.standard_normal((400, 6)).astype(np.float32))

    centres = best_clusters(rows, (2, 3, 4, 5, 6), seed=1)

    assert len(centres) == 4
    assert silhouette(rows, centres) > 0.9
    assert len({tuple(np.bincount((rows @ centres.T).argmax(axis=1)))}) == 1


def test_rows_that_repeat_give_no_more_centres_than_there_are_rows_to_tell_apart() -> None:
    rows = np.repeat(np.eye(3, dtype=np.float32)[:2], 10, axis=0)

    assert len(cluster(rows, 5, seed=1)) == 2
