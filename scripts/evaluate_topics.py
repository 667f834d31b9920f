"""Find topics in conversations whose subject somebody else named; print how well the two agree.

    PYTHONPATH=. python scripts/evaluate_topics.py [CONVERSATIONS.jsonl.gz]      # seconds

Without a file only the demo's first week is looked at. A file has a message a line, with ``metadata.app`` (the corpus
it is of) and, for some, ``metadata.category`` (what is sold) on the first message of a session.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.demo.production import simulate_week
from apps.evaluations.domain.topics.finding import Said, find_topics
from apps.evaluations.domain.topics.words import topic_words

_SEED = 1


def main() -> None:
    """Print a line of Markdown for each set of conversations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conversations", type=Path, nargs="?")
    options = parser.parse_args()
    print("| conversations | n | subjects | topics | with a topic | purity | seconds |\n|---|---|---|---|---|---|---|")
    if options.conversations:
        sessions, about = _read(options.conversations)
        for title, name in (("corpora", "app"), ("goods for sale", "category")):
            known = [session for session in sessions if about[session].get(name)]
            _evaluate(title, [sessions[each] for each in known], known, [about[each][name] for each in known])
    week = list(simulate_week(seed=7, conversations=10_000, start=datetime(2026, 11, 2, tzinfo=UTC)))
    texts = [[record["message"] for record in each.records if record["role"] == "user"] for each in week]
    truth = [each.truth.intent if each.truth.kind == "support" else each.truth.kind for each in week]
    _evaluate("the demo's first week", texts, [each.truth.user_id for each in week], truth)
    print(f"\nat most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB in all")


def _read(path: Path) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    said: defaultdict[str, list[str]] = defaultdict(list)
    about: dict[str, dict[str, Any]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            about.setdefault(record["session_id"], record["metadata"])
            if record["role"] == "user":
                said[record["session_id"]].append(record["message"])
    return said, about


def _evaluate(title: str, texts: Sequence[list[str]], users: Sequence[str], truth: Sequence[str]) -> None:
    began = time.perf_counter()
    words = [topic_words(each) for each in texts]
    fit = find_topics([Said(user, told) for user, told in zip(users, words, strict=True)], seed=_SEED)
    if fit is None:
        print(f"| {title} | {len(texts):,} | {len(set(truth))} | none | | | |")
        return
    places = fit[0].assign(words)
    seconds = time.perf_counter() - began
    groups: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for place, subject in zip(places, truth, strict=True):
        if place is not None:
            groups[place][subject] += 1
    given = sum(each.total() for each in groups.values())
    pure = sum(max(each.values()) for each in groups.values()) / given
    print(
        f"| {title} | {len(texts):,} | {len(set(truth))} | {len(fit[1])} | {given / len(texts):.0%} | {pure:.2f} "
        f"| {seconds:.1f} |"
    )


if __name__ == "__main__":
    main()
