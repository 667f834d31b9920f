"""Fit the dissatisfaction model of the quality assessment and print what it is worth on held-out conversations.

    python scripts/fit_quality.py DATA [--write]

DATA is a folder with conversations.jsonl.gz and labels.jsonl.gz (see MODEL_CARD.md for the sources). Development only:
needs scikit-learn and scipy. ``--write`` replaces coefficients.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from apps.evaluations.domain.quality.features import extract_features
from apps.evaluations.domain.quality.patterns import find_patterns, name_failure
from apps.evaluations.domain.quality.reading import Turn, read_turns
from apps.evaluations.domain.values import Message

COEFFICIENTS = Path(__file__).parents[1] / "apps/evaluations/domain/quality/coefficients.json"
Array = NDArray[np.float64]

# What may raise (+1) or lower (−1) dissatisfaction; 0 may do either. A sign that contradicts sense is a quirk of one
# corpus (there, off-topic jokes are friendly and badly answered), and would mislead everywhere else.
SIGNS = {
    "user_sentiment": -1, "user_sentiment_last": -1, "user_sentiment_lowest": -1, "user_sentiment_rise": -1,
    "user_thanks": -1, "user_says_it_worked": -1, "user_agrees": -1, "user_negates": 1, "user_repeats": 1,
    "user_frustration": 1, "user_shouts": 1, "user_questions": 0, "user_words": 0, "user_words_last": 0,
    "user_terse": 0, "turns": 0, "reply_words": 0, "reply_words_last": 0, "reply_variety": -1, "reply_questions": 0,
    "reply_asks_last": 0, "reply_details_last": 0, "reply_failures": 1, "reply_fails_last": 1, "reply_apologies": 1,
    "reply_successes": -1, "reply_succeeds_last": -1, "reply_boilerplate": 1, "reply_numbers_last": -1,
    "reply_repeats": 1, "reply_contradicts": 1, "reply_short": 1, "reply_overlap_last": -1, "reply_overlap": -1,
    "reply_coverage_last": -1, "reply_is_unrelated": 1, "reply_wanders": 1, "reply_negations": 1,
    "reply_negates_last": 1, "reply_novelty": -1, "reply_closes_last": -1, "question_for_question": 1,
    "ends_with_user": 1,
}  # fmt: skip
# The level of an average conversation. The corpora have base rates from 10 % to 88 %, which say how each was
# collected and nothing about anybody's production: the level is a convention, the differences are learned.
AVERAGE_DISSATISFACTION = 0.25
PENALTY = 100.0
SMALLEST = 0.01
FOLDS = 5
REPEATS = 5


class Row(NamedTuple):
    """One labelled conversation. ``share`` is the share of raters dissatisfied; ``group`` keeps twins together."""

    source: str
    dissatisfied: bool
    share: float
    rating: float
    bot: str
    group: str
    features: dict[str, float]


class Fit(NamedTuple):
    weights: Array
    mean: Array
    deviation: Array
    intercepts: dict[str, float]

    def differences(self, x: Array) -> Array:
        return np.asarray(np.clip((x - self.mean) / self.deviation, -3, 3) @ self.weights)


def load(folder: Path) -> tuple[dict[str, list[dict[str, Any]]], dict[str, dict[str, Any]]]:
    conversations: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(folder / "conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            conversations[message["session_id"]].append(message)
    with gzip.open(folder / "labels.jsonl.gz", "rt", encoding="utf-8") as lines:
        labels = {label["session_id"]: label for label in map(json.loads, lines)}
    return conversations, labels


def read(messages: list[dict[str, Any]]) -> list[Turn]:
    return read_turns(
        [
            Message(str(i), m["role"], m["message"], datetime.fromisoformat(m["timestamp"]))
            for i, m in enumerate(messages)
        ]
    )


def make_rows(conversations: dict[str, list[dict[str, Any]]], labels: dict[str, dict[str, Any]]) -> list[Row]:
    rows = []
    for session, messages in conversations.items():
        label, told = labels[session], messages[0]["metadata"]
        if label["source"] not in {"tm-reward", "dstc9"}:
            continue
        turns = read(messages)
        found = find_patterns(turns, common_replies=frozenset(), intents=())
        features = extract_features(turns, Counter(pattern.name for pattern in found))
        # Many Taskmaster rows are different replies to one and the same user: they must not be split.
        said = " | ".join(m["message"] for m in messages if m["role"] == "user")
        if label["source"] == "dstc9":
            raters = label["raters_overall"]
            share = sum(rating <= 3 for rating in raters) / len(raters)
            rating = label["overall_1_5"]
            rows.append(Row("dstc9", rating < 3.5, share, rating, told["agent_id"], said, features))
        else:
            bad = not label["good"]
            rows.append(Row(f"tm-{told['vertical']}", bad, float(bad), 0.0, "", said, features))
    return rows


def fit(rows: list[Row], names: list[str], sources: list[str]) -> Fit:
    """Return an L2-regularised logistic with signed weights and one intercept per source."""
    x = np.array([[row.features[name] for name in names] for row in rows])
    y = np.array([row.share for row in rows])
    indicator = np.array([[float(row.source == source) for source in sources] for row in rows])
    mean, deviation = x.mean(0), np.maximum(x.std(0), 0.02)
    scaled = np.clip((x - mean) / deviation, -3, 3)
    k = len(names)

    def loss(theta: Array) -> tuple[float, Array]:
        logit = scaled @ theta[:k] + indicator @ theta[k:]
        error = 1 / (1 + np.exp(-logit)) - y
        value = (np.logaddexp(0, logit) - y * logit).sum() + PENALTY / 2 * (theta[:k] ** 2).sum()
        return float(value), np.concatenate([scaled.T @ error + PENALTY * theta[:k], indicator.T @ error])

    bounds = [((0 if SIGNS[n] > 0 else None), (0 if SIGNS[n] < 0 else None)) for n in names]
    best = minimize(
        loss, np.zeros(k + len(sources)), jac=True, bounds=bounds + [(None, None)] * len(sources), method="L-BFGS-B"
    )
    return Fit(best.x[:k], mean, deviation, dict(zip(sources, best.x[k:].tolist(), strict=True)))


def hold_out(rows: list[Row], names: list[str], sources: list[str]) -> tuple[Array, Array]:
    """Return out-of-fold probabilities (with the source's own intercept) and differences, averaged over repeats."""
    x = np.array([[row.features[name] for name in names] for row in rows])
    strata = [f"{row.source} {row.dissatisfied}" for row in rows]
    groups = np.unique([row.group for row in rows], return_inverse=True)[1]
    chance, difference = np.zeros(len(rows)), np.zeros(len(rows))
    for repeat in range(REPEATS):
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat)
        for train, test in folds.split(x, strata, groups):
            model = fit([rows[i] for i in train], names, sources)
            own = model.differences(x[test])
            level = np.array([model.intercepts[rows[i].source] for i in test])
            difference[test] += own / REPEATS
            chance[test] += 1 / (1 + np.exp(-(own + level))) / REPEATS
    return chance, difference


def calibration_error(chance: Array, truth: Array, bins: int = 10) -> float:
    """Return the expected calibration error over equally filled bins."""
    parts = np.array_split(np.argsort(chance), bins)
    return float(sum(abs(chance[p].mean() - truth[p].mean()) * len(p) for p in parts) / len(chance))


def area_with_interval(truth: Array, score: Array) -> str:
    draws = np.random.default_rng(7)
    areas = []
    while len(areas) < 500:
        pick = draws.integers(0, len(truth), len(truth))
        if 0 < truth[pick].sum() < len(pick):
            areas.append(roc_auc_score(truth[pick], score[pick]))
    low, high = np.quantile(areas, [0.025, 0.975])
    return f"{roc_auc_score(truth, score):.3f} [{low:.3f}, {high:.3f}]"


def report(rows: list[Row], names: list[str], sources: list[str]) -> None:
    source = np.array([row.source for row in rows])
    truth = np.array([float(row.dissatisfied) for row in rows])
    share = np.array([row.share for row in rows])
    chance, difference = hold_out(rows, names, sources)
    pairs = {s: truth[source == s].sum() * (1 - truth[source == s]).sum() for s in sources}
    areas = {s: roc_auc_score(truth[source == s], chance[source == s]) for s in sources}
    within = sum(areas[s] * pairs[s] for s in sources) / sum(pairs.values())
    print(f"rows {len(rows)}, groups {len({row.group for row in rows})}")
    for s in sources:
        own = source == s
        print(
            f"  {s:11} n {own.sum():4} dissatisfied {truth[own].mean():.2f}  AUC"
            f" {area_with_interval(truth[own], chance[own])}  ECE {calibration_error(chance[own], share[own]):.3f}"
        )
    print(f"  within sources AUC {within:.3f}  pooled AUC {roc_auc_score(truth, chance):.3f} (mostly base rates)")
    print(f"  ECE pooled {calibration_error(chance, share):.3f}")
    for s in sources:
        rest = [row for row in rows if row.source != s]
        model = fit(rest, names, [t for t in sources if t != s])
        x = np.array([[row.features[name] for name in names] for row in rows if row.source == s])
        print(f"  {s:11} never seen: AUC {area_with_interval(truth[source == s], model.differences(x))}")
    rank_bots(rows, names, sources, difference)


def rank_bots(rows: list[Row], names: list[str], sources: list[str], difference: Array) -> None:
    bots = np.array([row.bot for row in rows])
    ratings = np.array([row.rating for row in rows])
    order = sorted(set(bots) - {""})
    human = [ratings[bots == bot].mean() for bot in order]
    seen = [-difference[bots == bot].mean() for bot in order]
    x = np.array([[row.features[name] for name in names] for row in rows])
    unseen = np.zeros(len(rows))
    for train, test in GroupKFold(len(order)).split(x[bots != ""], groups=bots[bots != ""]):
        chats = np.flatnonzero(bots != "")
        out = chats[test]
        kept = [row for i, row in enumerate(rows) if i not in set(out.tolist())]
        unseen[out] = fit(kept, names, sources).differences(x[out])
        del train
    new = [-unseen[bots == bot].mean() for bot in order]
    print(f"  ranking of {len(order)} bots by mean: rho {spearmanr(human, seen)[0]:.2f} (conversations held out),"
          f" {spearmanr(human, new)[0]:.2f} (the bot held out)")  # fmt: skip


def report_failures(conversations: dict[str, list[dict[str, Any]]], labels: dict[str, dict[str, Any]]) -> None:
    hits = false = missed = 0
    for session, messages in conversations.items():
        if labels[session]["source"] != "sgd-offers":
            continue
        failed = set(labels[session]["failure_turns"])
        for turn in read(messages):
            if turn.is_user:
                continue
            named = bool(name_failure(turn))
            hits += named and turn.index in failed
            false += named and turn.index not in failed
            missed += not named and turn.index in failed
    print(f"failure notices (sgd): precision {hits / (hits + false):.3f} recall {hits / (hits + missed):.3f}"
          f" F1 {2 * hits / (2 * hits + false + missed):.3f}")  # fmt: skip


def write(model: Fit, names: list[str]) -> None:
    kept = {
        name: {"mean": round(m, 4), "deviation": round(d, 4), "weight": round(w, 4)}
        for name, m, d, w in zip(
            names, model.mean.tolist(), model.deviation.tolist(), model.weights.tolist(), strict=True
        )
        if abs(w) >= SMALLEST
    }
    intercept = round(float(np.log(AVERAGE_DISSATISFACTION / (1 - AVERAGE_DISSATISFACTION))), 4)
    table = {"name": "dissatisfaction@1", "intercept": intercept, "features": kept}
    COEFFICIENTS.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {len(kept)} coefficients")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    conversations, labels = load(arguments.data)
    rows = make_rows(conversations, labels)
    names = [name for name in rows[0].features if name in SIGNS]
    sources = sorted({row.source for row in rows})
    report(rows, names, sources)
    report_failures(conversations, labels)
    model = fit(rows, names, sources)
    for name, weight in sorted(zip(names, model.weights, strict=True), key=lambda one: -abs(one[1])):
        if abs(weight) >= SMALLEST:
            print(f"  {weight:+.3f} {name}")
    if arguments.write:
        write(model, names)


if __name__ == "__main__":
    main()
