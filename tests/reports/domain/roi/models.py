"""Models of an investment, for the tests: a document read, and what is drawn of it."""

from __future__ import annotations

from textwrap import dedent

from apps.reports.domain.roi.model import Model
from apps.reports.domain.roi.reading import read_model
from apps.reports.domain.roi.simulating import Simulation, simulate


def model_of(text: str) -> Model:
    """Return the model, in dollars, that a document describes; its indentation does not count."""
    return read_model("currency: USD\n" + dedent(text).lstrip())


def drawn(text: str, *, seed: int = 1, draws: int = 10_000) -> Simulation:
    """Return the simulation of a document."""
    return simulate(model_of(text), seed=seed, draws=draws)
