"""Train the model that tells a refusal from an attack that succeeded, and measure it on sources it has not seen.

    PYTHONPATH=. python scripts/train_replies.py FOLDER PYRIT DIALOGUES [--write]

FOLDER holds ``outcomes.jsonl.gz`` ({"reply", "outcome": blocked|complied, "source"}); PYRIT is the folder
``pyrit/datasets/scorer_evals`` of PyRIT's wheel; DIALOGUES is a file of benign dialogues ({"session_id", "role",
"message"}), on which it is counted how ordinary replies are read. ``scripts/own_replies.yaml`` is learned from, too.
Development only: needs scikit-learn. ``--write`` replaces the shipped model.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections import Counter
from collections.abc import Iterator, Set
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from evaluate_security import records, share
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from train_security import ROOT, matrix

from apps.evaluations.domain.security.ngram_scorer import REPLY_MODEL, NgramModel, NgramScorer
from apps.evaluations.domain.security.ngrams import reply_buckets
from apps.evaluations.domain.security.readings import fold
from apps.evaluations.domain.security.replies import READ, RefusalModel

VERSION = "2"
# What is held out together, and what of it stands for replies in business.
FAMILIES = {
    "gptfuzz_train": "GPTFuzz, training part", "gptfuzz_evaluate": "GPTFuzz, other attacks",
    "refusal": "PyRIT refusals", "refusal_extra": "PyRIT refusals", "objective": "PyRIT objectives",
    "own_en": "own", "own_other": "own",
}  # fmt: skip
HELD_OUT = ("GPTFuzz, other attacks", "PyRIT refusals", "PyRIT objectives", "own")
STRENGTH = 10.0
ORDINARY = 3_000


class Reply(NamedTuple):
    text: str
    blocked: bool
    source: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pyrit", type=Path)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    replies = [*_judged(options.folder), *_pyrit(options.pyrit), *_own()]
    for (source, blocked), count in sorted(Counter((r.source, r.blocked) for r in replies).items()):
        print(f"{source:18} {'blocked' if blocked else 'succeeded':10} {count}")
    for family in HELD_OUT:
        scorer = NgramScorer(_fit(replies, {family}), reply_buckets)
        _report(family, [r for r in replies if FAMILIES[r.source] == family], scorer)
    shipped = _fit(replies, set())
    _report_ordinary(options.dialogues, NgramScorer(shipped, reply_buckets))
    if options.write:
        path = ROOT / "apps/evaluations/domain/security" / REPLY_MODEL
        path.write_bytes(shipped.pack())
        print(f"wrote {path.name}: {path.stat().st_size:,} bytes")


def _judged(folder: Path) -> Iterator[Reply]:
    for record in records(folder / "outcomes.jsonl.gz"):
        yield Reply(record["reply"], record["outcome"] == "blocked", record["source"])


def _pyrit(folder: Path) -> Iterator[Reply]:
    """Yield PyRIT's replies: of its refusals 1 means refused, of its objectives 1 means achieved."""
    for part, refused in (("refusal_scorer", "1"), ("objective", "0")):
        for path in sorted((folder / part).glob("*.csv")):
            lines = path.read_text("utf-8", errors="replace").splitlines(keepends=True)
            # Comments stand above the table only.
            for row in csv.DictReader(dropwhile(lambda line: line.startswith("#"), lines)):
                if row.get("human_score") in {"0", "1"} and row.get("assistant_response"):
                    source = path.stem if part == "refusal_scorer" else part
                    yield Reply(row["assistant_response"], row["human_score"] == refused, source)


def _own() -> Iterator[Reply]:
    written = yaml.safe_load((ROOT / "scripts/own_replies.yaml").read_text("utf-8"))
    for outcome, languages in written.items():
        for language, texts in languages.items():
            for text in texts:
                yield Reply(text, outcome == "blocked", "own_en" if language == "en" else "own_other")


def _fit(replies: list[Reply], without: Set[str]) -> NgramModel:
    """Fit a logistic regression; a source counts by the root of its size, both outcomes alike."""
    chosen = [reply for reply in replies if FAMILIES[reply.source] not in without]
    labels = np.array([reply.blocked for reply in chosen])
    sizes = Counter((reply.source, reply.blocked) for reply in chosen)
    weights = np.array([sizes[reply.source, reply.blocked] ** -0.5 for reply in chosen])
    for outcome in (True, False):
        weights[labels == outcome] *= 0.5 * len(labels) / weights[labels == outcome].sum()
    model = LogisticRegression(C=STRENGTH, solver="liblinear", max_iter=200)
    model.fit(matrix([fold(reply.text)[:READ] for reply in chosen], reply_buckets), labels, sample_weight=weights)
    return _quantize(model.coef_[0], float(model.intercept_[0]))


def _quantize(learned: NDArray[np.float64], bias: float) -> NgramModel:
    # Nothing is clipped: the few strongest pieces, such as a reply's length, decide about many replies.
    scale = float(np.abs(learned).max()) / 127
    weights = (np.clip(np.round(learned / scale), -127, 127) + 128).astype(np.uint8).tobytes()
    return NgramModel(VERSION, scale, bias, 1.0, weights)


def _report(family: str, held: list[Reply], scorer: NgramScorer) -> None:
    scores = np.array(scorer.score([fold(reply.text)[:READ] for reply in held]))
    truth = np.array([reply.blocked for reply in held])
    right = int(((scores > 0.5) == truth).sum())
    print(f"\n{family}, unseen: blocked or not right in {share(right, len(held))}")
    sure = RefusalModel(scorer)
    said = Counter((reply.blocked, sure.outcome(fold(reply.text))) for reply in held)
    print("  " + ", ".join(f"{'blocked' if t else 'succeeded'} → {s}: {n}" for (t, s), n in sorted(said.items())))


def _report_ordinary(path: Path, scorer: NgramScorer) -> None:
    texts = [record["message"] for record in records(path) if record["role"] == "assistant"]
    drawn = random.Random(1).sample(texts, ORDINARY)
    said = Counter(RefusalModel(scorer).outcome(fold(text)) for text in drawn)
    print(f"\nordinary replies, {ORDINARY:,}: {dict(said)}")


if __name__ == "__main__":
    main()
