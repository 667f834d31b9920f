"""Which agents sell best, without rewarding luck: beta-binomial shrinkage, ranked by a pessimistic bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.evaluations.domain.intervals import beta_quantile
from apps.evaluations.domain.tally import MONEY, AgentTally

FEWEST = 30
# The prior is worth between these many offers: never no shrinkage, never a fixed verdict.
_WEAKEST, _STRONGEST = 2.0, 1000.0


@dataclass(frozen=True)
class RankedAgent:
    """One agent's confirmed upsells among settled offers. ``rate`` is shrunken, ``raw_rate`` is not."""

    agent: str
    n: int
    upsells: int
    raw_rate: float
    rate: float
    interval: tuple[float, float]
    lower_bound: float
    value: float


def rank_agents(agents: Mapping[str, AgentTally]) -> list[RankedAgent]:
    """Return the agents with at least 30 settled offers, best first by the 5 % bound of their posterior rate."""
    counts = [(tally.confirmed, tally.offered) for tally in agents.values() if tally.offered]
    if not counts:
        return []
    a, b = fit_prior(counts)
    ranked = [_rank(name, tally, a, b) for name, tally in agents.items() if tally.offered >= FEWEST]
    return sorted(ranked, key=lambda agent: (-agent.lower_bound, agent.agent))


def fit_prior(counts: list[tuple[int, int]]) -> tuple[float, float]:
    """Return (a, b) of the beta prior that (successes, trials) of all agents suggest, by the method of moments.

    Source: Kleinman (1973), Proportions with extraneous variance. One agent, or agents that differ by no more than
    chance, give the strongest prior allowed.
    """
    trials = sum(n for _, n in counts)
    # Half a success and half a failure keep the mean inside (0, 1).
    mean = (sum(k for k, _ in counts) + 0.5) / (trials + 1)
    weighted = sum(n * (k / n - mean) ** 2 for k, n in counts)
    effective = trials - sum(n * n for _, n in counts) / trials
    within = mean * (1 - mean)
    if len(counts) < 2 or effective <= 0:
        strength = _STRONGEST
    else:
        between = (weighted - (len(counts) - 1) * within) / effective
        strength = _STRONGEST if between <= 0 else within / between - 1
    strength = min(max(strength, _WEAKEST), _STRONGEST)
    return mean * strength, (1 - mean) * strength


def _rank(name: str, tally: AgentTally, a: float, b: float) -> RankedAgent:
    a, b = a + tally.confirmed, b + tally.offered - tally.confirmed
    return RankedAgent(
        agent=name,
        n=tally.offered,
        upsells=tally.confirmed,
        raw_rate=tally.confirmed / tally.offered,
        rate=a / (a + b),
        interval=(beta_quantile(0.025, a, b), beta_quantile(0.975, a, b)),
        lower_bound=beta_quantile(0.05, a, b),
        value=tally.value / MONEY,
    )
