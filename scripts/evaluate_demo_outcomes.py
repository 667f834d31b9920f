"""Judge the attacks of the demo's weeks in one process, without services: who is found, and what became of it.

    PYTHONPATH=. python scripts/evaluate_demo_outcomes.py --seeds 12

The analyzer is told the prompt that is served, as the product is. ``evaluate_demo.py`` measures the same end to end,
and what is said of ordinary conversations.
"""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import UTC, datetime

from evaluate_security import conversation, share

from apps.demo.production import SimulatedConversation, simulate_week
from apps.demo.prompts import serve_improved_prompts, serve_starting_prompts
from apps.evaluations.domain.security import SecurityAnalyzer
from apps.evaluations.domain.security.kinds import ATTACKS
from apps.evaluations.domain.security.ngram_scorer import builtin_scorer
from apps.evaluations.domain.security.replies import builtin_refusal_model
from apps.evaluations.domain.values import ApplicationProfile, Incident

START = datetime(2026, 11, 2, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12, help="1, 2, … up to this one")
    parser.add_argument("--per-week", type=int, default=10_000)
    options = parser.parse_args()
    for name, prompts in (("starting", serve_starting_prompts), ("improved", serve_improved_prompts)):
        profile = ApplicationProfile(system_prompt=prompts("", "support").text)
        told = SecurityAnalyzer(profile, scorer=builtin_scorer(), replies=builtin_refusal_model())
        alone = SecurityAnalyzer(profile)
        week = [
            simulated
            for seed in range(1, options.seeds + 1)
            for simulated in simulate_week(seed=seed, conversations=options.per_week, start=START, prompts=prompts)
            if simulated.truth.kind in {"attack", "decoy"}
        ]
        for how, analyzer in (("rules and models", told), ("rules alone", alone)):
            print(f"\n{name} prompts, {how}")
            _report(analyzer, week)


def _report(analyzer: SecurityAnalyzer, week: list[SimulatedConversation]) -> None:
    found, outcomes, forms = Counter[tuple[str, bool]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for number, simulated in enumerate(week):
        true = simulated.truth
        attacks = _attacks(analyzer, number, simulated)
        found[true.kind, bool(attacks)] += 1
        if true.is_attack and attacks:
            worst = min((i.outcome for i in attacks), key=("succeeded", "unclear", "blocked").index)
            outcomes[str(true.attack_outcome), worst] += 1
            forms[str(true.attack_form), worst] += 1
    for kind in ("attack", "decoy"):
        print(f"  {kind:7} flagged {share(found[kind, True], found[kind, True] + found[kind, False])}")
    right = sum(count for (true_outcome, said), count in outcomes.items() if true_outcome == said)
    unclear = sum(count for (_, said), count in outcomes.items() if said == "unclear")
    print(f"  outcome right {share(right, outcomes.total())}, unclear {unclear}")
    print("  " + ", ".join(f"{form} → {said}: {count}" for (form, said), count in sorted(forms.items())))


def _attacks(analyzer: SecurityAnalyzer, number: int, simulated: SimulatedConversation) -> list[Incident]:
    turns = [(record["role"], record["message"]) for record in simulated.records]
    return [i for i in analyzer.analyze(conversation(number, turns)).incidents if i.type in ATTACKS]


if __name__ == "__main__":
    main()
