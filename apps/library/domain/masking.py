"""What is kept of a conversation for others to learn from: personal data masked, and the names people gave.

Personal data goes by capture's own redaction, whatever the organization's policy was. Names have no form that could be
matched, so they are found where people say them: after a greeting, where somebody introduces themselves, under a
letter, in metadata. A name that is said nowhere like that is not found: a person reads every template before it is
served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import re2

from apps.ingestion.domain.redaction import Redactor

NAME = "[NAME]"
_ONE = r"\p{Lu}\p{Ll}[\p{L}'’-]*"
_FULL = rf"(?:(?:Mr|Mrs|Ms|Dr)\.? )?({_ONE}(?: {_ONE}){{0,2}})"
_END = r"(?:[,.!:;?)\n]|$| [–-])"
_FOUND = [
    re2.compile(pattern)
    for pattern in (
        r"\b(?i:hi|hello|hey|dear|thanks|thank you|sorry|welcome(?: back)?|good (?:morning|afternoon|evening)),? "
        + _FULL
        + _END,
        r"\b(?i:my name is|my name['’]s|i am|i['’]m|this is) "
        + _FULL
        + r"(?:[,.!;?\n]|$| (?:from|here|and|with|at|of|calling|writing)\b)",
        r"\b(?i:regards|sincerely|cheers|best|yours|thanks|thank you),?[ \t]*\r?\n\s*" + _FULL + r"\s*(?:\n|$)",
    )
]
# Words that stand where names do.
_NO_NAMES = frozenset({
    "there", "team", "all", "everyone", "everybody", "again", "back", "so", "sir", "madam", "folks", "friend",
    "customer", "support", "much", "very", "for", "you", "your", "the", "this", "that", "not", "just", "still", "sure",
    "glad", "happy", "sorry", "afraid", "having", "trying", "looking", "using", "here", "unable",
})  # fmt: skip
_SEVERAL = re2.compile(r"\[NAME\](?: \[NAME\])+")
_TOLD = ("customer_name", "user_name", "username", "name", "first_name", "last_name", "full_name")
_SHORTEST, _LONGEST = 2, 60
_MOST = 50


def mask_conversation(texts: Sequence[str], metadata: Mapping[str, Any]) -> list[str]:
    """Return the texts of one conversation, masked; a name found in one of them is masked in all.

    Raises RedactionFailed, and then nothing of it may be kept.
    """
    masked = Redactor("mask").texts(texts)
    names = sorted(_names_in(masked, metadata), key=lambda name: (-len(name), name))[:_MOST]
    if not names:
        return masked
    # Letters and digits of any script border a name; RE2's \b knows those of ASCII only.
    said = re2.compile(r"(^|[^\pL\pN])(?:" + "|".join(map(re2.escape, names)) + r")((?:['’]s)?(?:[^\pL\pN]|$))")
    return [_replaced(said, text) for text in masked]


def _replaced(said: Any, text: str) -> str:
    # Twice: what ends one name may begin the next.
    once = said.sub(rf"\1{NAME}\2", text)
    return str(_SEVERAL.sub(NAME, said.sub(rf"\1{NAME}\2", once)))


def _names_in(texts: Iterable[str], metadata: Mapping[str, Any]) -> set[str]:
    found = [match.group(1) for text in texts for pattern in _FOUND for match in pattern.finditer(text)]
    found += [value for key in _TOLD if isinstance(value := metadata.get(key), str) and len(value) <= _LONGEST]
    words = {word.strip(".,") for name in found for word in name.split()}
    return {word for word in words if len(word) >= _SHORTEST and word.lower() not in _NO_NAMES and word[0].isupper()}
