"""The chance that treatment is better, and what choosing it would cost if it is not. Information, never a trigger."""

from __future__ import annotations

import math
from dataclasses import dataclass

from apps.experiments.domain.statistics.distributions import normal_above, normal_density
from apps.experiments.domain.statistics.summaries import Summary

# Beyond this many successes the normal approximation of the posterior differs by less than 1e-3.
LARGEST_EXACT = 5_000


@dataclass(frozen=True)
class Posterior:
    """``chance``: P(treatment is better). ``loss``: expected loss of choosing treatment, in the metric's unit."""

    chance: float
    loss: float


def of_proportions(control: Summary, treatment: Summary, *, higher_is_better: bool) -> Posterior:
    """Compare two flat Beta(1, 1) posteriors in closed form.

    Source: Miller (2014), Formulas for Bayesian A/B testing; Stucchio (2014), Easy evaluation of decision rules.
    """
    k0, k1 = int(control.sum), int(treatment.sum)
    if not higher_is_better:
        k0, k1 = control.n - k0, treatment.n - k1
    a, b, c, d = k0 + 1, control.n - k0 + 1, k1 + 1, treatment.n - k1 + 1
    if max(k0, k1) > LARGEST_EXACT:
        spread = math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)) + c * d / ((c + d) ** 2 * (c + d + 1)))
        return of_gain(c / (c + d) - a / (a + b), spread)
    loss = a / (a + b) * _exceeds(c, d, a + 1, b) - c / (c + d) * _exceeds(c + 1, d, a, b)
    return Posterior(_exceeds(a, b, c, d), max(0.0, loss))


def of_means(control: Summary, treatment: Summary, *, higher_is_better: bool) -> Posterior:
    """Compare two means whose posteriors are normal (flat prior, large samples)."""
    gain = treatment.mean - control.mean
    spread = math.sqrt(control.variance / control.n + treatment.variance / treatment.n)
    return of_gain(gain if higher_is_better else -gain, spread)


def of_gain(gain: float, spread: float) -> Posterior:
    """Return what a normal posterior of the gain says, from its mean and standard deviation."""
    if spread == 0:
        return Posterior(0.5 if gain == 0 else float(gain > 0), max(0.0, -gain))
    z = gain / spread
    loss = spread * normal_density(z) - gain * normal_above(z)
    return Posterior(normal_above(-z), max(0.0, loss))


def _exceeds(a: int, b: int, c: int, d: int) -> float:
    """P(Beta(c, d) > Beta(a, b)) for whole parameters: of four equal forms, the one with the fewest terms."""
    # Mirrored (x → 1 − x) and complemented, the same probability is a sum over any of the four parameters.
    fewest = min(a, b, c, d)
    if fewest == c:
        return _sum(a, b, c, d)
    if fewest == b:
        return _sum(d, c, b, a)
    return 1 - (_sum(c, d, a, b) if fewest == a else _sum(b, a, d, c))


def _sum(a: int, b: int, c: int, d: int) -> float:
    """P(Beta(c, d) > Beta(a, b)) as Miller's sum over c terms."""
    terms = (_log_beta(a + i, b + d) - math.log(d + i) - _log_beta(1 + i, d) - _log_beta(a, b) for i in range(c))
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
