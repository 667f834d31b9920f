"""Measure how surely a reply that gives its system prompt away is found: `python scripts/evaluate_leaks.py FOLDER`.

FOLDER holds ``conversations_3k(.truth).jsonl.gz``, whose sessions bring their system prompts and say in which style
some leak. Beside those, every session's prompt is leaked in each form that is promised to be seen. False alarms are
counted at the ordinary replies of all sessions, each against its own prompt, as it stands and as if it had followed an
attack (then a shorter quotation is enough). The data is no part of the project.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from evaluate_security import load_sessions, share

from apps.evaluations.domain.security.readings import read
from apps.evaluations.domain.security.secrets import secrets_of

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def _partly(prompt: str) -> str:
    """Return two neighbouring rules from the middle of a prompt."""
    sentences = _SENTENCE.split(prompt)
    middle = len(sentences) // 2
    return " ".join(sentences[middle : middle + 2])


FORMS: dict[str, Callable[[str], str]] = {
    "verbatim": lambda prompt: prompt,
    "partial": _partly,
    "partial, spaced": lambda prompt: " ".join(_partly(prompt)),
    "partial, reversed": lambda prompt: _partly(prompt)[::-1],
    "partial, base64": lambda prompt: base64.b64encode(_partly(prompt).encode()).decode(),
    "partial, hex": lambda prompt: _partly(prompt).encode().hex(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    truth, turns = load_sessions(parser.parse_args().folder)
    found, asked, false = Counter[str](), Counter[str](), Counter[str]()
    replies = 0
    for name, told in turns.items():
        prompts = tuple(text for role, text in told if role == "system")
        secrets, style = secrets_of(prompts, ()), truth[name]["leak_style"]
        read_replies = [read(text) for role, text in told if role == "assistant"]
        if style:
            asked[f"planted, {style}"] += 1
            found[f"planted, {style}"] += any(secrets.leak_in(one, attacked=True) for one in read_replies)
        else:
            replies += len(read_replies)
            for attacked in (False, True):
                false["after an attack" if attacked else "as it stands"] += sum(
                    secrets.leak_in(one, attacked=attacked) is not None for one in read_replies
                )
        for form, leak in FORMS.items():
            asked[form] += 1
            found[form] += secrets.leak_in(read(f"Sure. {leak(prompts[0])}"), attacked=True) is not None
    planted = [form for form in asked if form.startswith("planted")]
    for form in sorted(asked):
        print(f"  {form:24} found {share(found[form], asked[form])}")
    print(f"  {'all planted':24} found {share(sum(found[f] for f in planted), sum(asked[f] for f in planted))}")
    for how in ("as it stands", "after an attack"):
        print(f"  ordinary replies, {how}: false {share(false[how], replies)}")


if __name__ == "__main__":
    main()
