"""Sparse rows and their strongest directions, in numpy alone (docs/adr/0009 says why)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]
# Rows multiplied at once: what is gathered for them stays within some megabytes.
_AT_ONCE = 1_000
_OVERSAMPLED, _ROUNDS = 8, 4


class Rows:
    """A sparse matrix by rows: the values of row i, and their columns, stand from ``starts[i]`` to ``starts[i+1]``."""

    def __init__(self, rows: Sequence[Mapping[int, float]], width: int) -> None:
        self.width = width
        self.starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        self.columns = np.fromiter((column for row in rows for column in row), np.int64, self.starts[-1])
        self.values = np.fromiter((value for row in rows for value in row.values()), np.float32, self.starts[-1])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def times(self, dense: Floats) -> Floats:
        """Return this matrix times a dense one (width × d)."""
        return _times(self.starts, self.columns, self.values, dense)

    def turned(self) -> Rows:
        """Return the transposed matrix."""
        turned = Rows.__new__(Rows)
        order = np.argsort(self.columns, kind="stable")
        turned.width = len(self)
        counts = np.bincount(self.columns, minlength=self.width)
        turned.starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        turned.columns = np.repeat(np.arange(len(self)), np.diff(self.starts))[order]
        turned.values = self.values[order]
        return turned


def directions(rows: Rows, rank: int, *, seed: int) -> Floats:
    """Return the strongest ``rank`` right singular vectors, as columns (width × rank; fewer where there are fewer).

    Randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1); signs are fixed, so one
    seed gives one answer.
    """
    rank = min(rank, rows.width, len(rows))
    turned = rows.turned()
    random = np.random.default_rng(seed)
    width = min(rank + _OVERSAMPLED, rows.width, len(rows))
    basis = np.linalg.qr(rows.times(random.standard_normal((rows.width, width), dtype=np.float32)))[0]
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(rows.times(np.linalg.qr(turned.times(basis))[0]))[0]
    # B = QᵀA is small: its right singular vectors are A's.
    small = turned.times(basis).T
    vectors = np.linalg.svd(small, full_matrices=False)[2][:rank].T
    strongest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[strongest, np.arange(vectors.shape[1])] < 0, -1, 1)
    return np.ascontiguousarray(vectors * signs, dtype=np.float32)


def unit(dense: Floats) -> Floats:
    """Return the rows at length 1; one without a direction stays 0."""
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    found: Floats = np.divide(dense, lengths, out=np.zeros_like(dense), where=lengths > 0)
    return found


def _times(starts: Whole, columns: Whole, values: Floats, dense: Floats) -> Floats:
    rows = len(starts) - 1
    answer = np.zeros((rows, dense.shape[1]), np.float32)
    for begin in range(0, rows, _AT_ONCE):
        end = min(rows, begin + _AT_ONCE)
        low, high = starts[begin], starts[end]
        # reduceat gives an empty row its neighbour's first value, so empty rows are left out.
        filled = np.flatnonzero(np.diff(starts[begin : end + 1]))
        if filled.size:
            products = dense[columns[low:high]] * values[low:high, None]
            answer[begin + filled] = np.add.reduceat(products, starts[begin + filled] - low, axis=0)
    return answer
