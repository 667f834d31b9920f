"""Which language a conversation is in, by its commonest words and its script; "" when there is too little to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from apps.evaluations.domain.quality.words import COMMON_WORDS

# Word → the languages it is common in; a word of two languages decides nothing between them.
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _words in COMMON_WORDS.items():
    for _word in _words:
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)

# Scripts that name a language or a family; their first letter decides (Cyrillic is reported as Russian).
_SCRIPTS = (
    (0x0370, 0x03FF, "el"),
    (0x0400, 0x052F, "ru"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "ar"),
    (0x0900, 0x097F, "hi"),
    (0x0E00, 0x0E7F, "th"),
    (0x3040, 0x30FF, "ja"),
    (0xAC00, 0xD7AF, "ko"),
    (0x4E00, 0x9FFF, "zh"),
)
_ENOUGH_SCRIPT = 0.3
_LONGEST = 1500


def detect_language(texts: Sequence[str], words: Iterable[Sequence[str]]) -> str:
    """Return the ISO 639-1 code of the language most of the texts are in, "" when they do not tell.

    ``words`` are the lower-case words of each text, in the same order.
    """
    if not all(text.isascii() for text in texts) and (script := _detect_script(texts)):
        return script
    known = [_LANGUAGES_OF[word] for some in words for word in some if word in _LANGUAGES_OF]
    if not known:
        return ""
    votes = Counter(language for languages in known for language in languages)
    (first, most), *rest = votes.most_common(2)
    return "" if rest and rest[0][1] == most else first


def _detect_script(texts: Sequence[str]) -> str:
    counts: Counter[str] = Counter()
    letters = 0
    for text in texts:
        for sign in text[:_LONGEST]:
            if not sign.isalpha():
                continue
            letters += 1
            if sign > "\u036f":
                code = ord(sign)
                counts[next((name for low, high, name in _SCRIPTS if low <= code <= high), "")] += 1
    counts.pop("", None)
    if not counts or sum(counts.values()) < _ENOUGH_SCRIPT * letters:
        return ""
    # Japanese mixes kana with Chinese characters: kana settle it.
    return "ja" if counts["ja"] else counts.most_common(1)[0][0]
