"""Personal data and secrets are taken out before anything is stored.

``mask`` puts ``[EMAIL]`` and the like in their place; ``drop`` replaces a whole text that holds any by ``[REDACTED]``.
It fails closed: whatever goes wrong becomes RedactionFailed, and the caller stores nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import re2

DROPPED = "[REDACTED]"
POLICIES = ("mask", "drop", "off")
_ALWAYS_KEPT = frozenset({"assignment_id", "variant", "prompt_version", "prompt_name", "model", "agent_id"})


class RedactionFailed(RuntimeError):
    """Redaction did not run to its end; nothing of this push may be stored."""


Spans = list[tuple[int, int]]
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # a digit's value at every second place of a card number


def _cards(text: str) -> Spans:
    """Return where neighbouring groups of digits make a card number (13 to 19 digits, Luhn's check).

    Every run of whole groups counts: what stands before or behind a number, however long, must not hide it.
    """
    groups = [found.span() for found in re.finditer(r"[0-9]+", text)]
    digits = [int(char) for char in text if char.isdigit()]
    # Sums over the first n digits, doubling those at even and at odd places: each candidate is then one subtraction.
    even = list(accumulate((_DOUBLED[d] if i % 2 == 0 else d for i, d in enumerate(digits)), initial=0))
    odd = list(accumulate((d if i % 2 == 0 else _DOUBLED[d] for i, d in enumerate(digits)), initial=0))
    starts = [0, *accumulate(end - start for start, end in groups)]
    spans: Spans = []
    for first in range(len(groups)):
        for last in range(first, min(first + 19, len(groups))):
            begin, end = starts[first], starts[last + 1]
            if end - begin > 19:
                break
            sums = even if end % 2 == 0 else odd  # the last digit is never doubled
            if end - begin >= 13 and (sums[end] - sums[begin]) % 10 == 0 and len(set(digits[begin:end])) > 1:
                spans.append((groups[first][0], groups[last][1]))
    return _joined(spans)


def _joined(spans: Spans) -> Spans:
    """Return spans, given by their starts, with those that overlap made one."""
    joined: Spans = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


# How long an IBAN is, by country (ISO 13616 registry).
_IBAN_LENGTHS = {
    code: int(length)
    for length, codes in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL SD", "19": "MK SI", "20": "AT BA EE KZ LT LU XK",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR", "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB NI PL SV", "29": "BR EG PS QA UA", "30": "JO KW MU YE", "31": "MT SC",
        "32": "LC", "33": "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip


# Every place where one may begin, overlapping ones too: a lookalike before an IBAN must not hide it.
_IBAN_BEGINS = re.compile(r"[A-Z]{2}[0-9]{2}")
_IBAN_LONGEST = 2 * 34


def _ibans(text: str) -> Spans:
    """Return where IBANs stand; capitals that follow one are not part of it."""
    spans: Spans = []
    done = 0
    for found in _IBAN_BEGINS.finditer(text):
        start = found.start()
        length = _IBAN_LENGTHS.get(text[start : start + 2], 0)
        if not length or start < done:
            continue
        window = text[start : start + _IBAN_LONGEST]
        places = [index for index, char in enumerate(window) if char != " "][:length]
        compact = "".join(window[index] for index in places)
        if len(places) == length and int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1:
            done = start + places[-1] + 1
            spans.append((start, done))
    return spans


def _ip(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False


def _phone(text: str) -> bool:
    if re.match(r"(?:19|20)\d\d[ .-]\d\d[ .-]\d\d|\d\d[ .-]\d\d[ .-](?:19|20)\d\d", text):
        return False  # a date
    if len({len(group) for group in re.findall(r"\d+", text)}) == 1 and not text.startswith(("+", "(")):
        return False  # 1234-5678-9012 is an order, a voucher, a serial number
    digits = sum(c.isdigit() for c in text)
    return 9 <= digits <= 15 and (text.startswith("+") or any(c in text for c in "()-. "))


def _any(_text: str) -> bool:
    return True


def _whole(check: Callable[[str], bool]) -> Callable[[str], Spans]:
    return lambda text: [(0, len(text))] if check(text) else []


# (mark, RE2 pattern, which parts of a match count). Order matters: the surest first. Patterns are linear.
_KINDS: list[tuple[str, str, Callable[[str], Spans]]] = [
    ("PRIVATE_KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", _whole(_any)),
    ("TOKEN", r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}"
              r"|fw_live_[0-9a-z]{8}_[A-Za-z0-9_-]{20,}|AIza[0-9A-Za-z_-]{30,}"
              r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)", _whole(_any)),
    ("TOKEN", r"(?i)\bbearer\s+[A-Za-z0-9._~+/-]{16,}=*", _whole(_any)),
    ("PASSWORD", r"(?i)\b(?:password|passwort|passwd|pwd|contraseña|mot de passe)\s*(?:is|ist|es|est)?\s*[:=]\s*\S+",
     _whole(_any)),
    ("EMAIL", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", _whole(_any)),
    ("IBAN", r"[A-Z]{2}\d{2}[A-Z0-9 ]{11,}", _ibans),
    ("CARD", r"\d(?:[ \x{a0}-]?\d){12,}", _cards),
    ("NATIONAL_ID", r"\b(?:00[1-9]|0[1-9]\d|[1-578]\d\d|6[0-57-9]\d|66[0-57-9])-\d{2}-\d{4}\b", _whole(_any)),
    ("IP", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", _whole(_ip)),
    ("IP", r"(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4})+", _whole(_ip)),
    ("PHONE", r"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,5}\d|(?:\(\d{2,4}\)|\b\d{2,4})(?:[ .-]\d{2,4}){2,4}\b",
     _whole(_phone)),
]  # fmt: skip
_PATTERNS = [(mark, re2.compile(pattern), parts) for mark, pattern, parts in _KINDS]


def _prefilter() -> re2.Set:
    """Return all patterns as one automaton: which of them a text may match is told in one pass over it."""
    found = re2.Set.SearchSet()
    for _, pattern, _ in _KINDS:
        found.Add(pattern)
    found.Compile()
    return found


_ANY = _prefilter()
# How many texts are masked in one pass, and what keeps them apart in it: no pattern's word, and no text holds a NUL.
_AT_ONCE = 100
_SEAM = "\n\0\n"
# How many short texts a redactor remembers: the keys and the names in metadata are the same in every line.
_MOST_KNOWN = 10_000
_LONGEST_KNOWN = 100


class Redactor:
    """Applies one organization's policy: off, mask or drop."""

    def __init__(self, policy: str) -> None:
        """Raises RedactionFailed for an unknown policy: a typing mistake must not mean "off"."""
        if policy not in POLICIES:
            raise RedactionFailed(f"unknown redaction policy {policy!r}")
        self.policy = policy
        self._known: dict[str, str] = {}

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Return texts as the policy allows them to be stored, in order. Raises RedactionFailed."""
        if self.policy == "off":
            return list(texts)
        try:
            masked = [
                part for start in range(0, len(texts), _AT_ONCE) for part in _mask_all(texts[start : start + _AT_ONCE])
            ]
        except Exception as error:
            raise RedactionFailed(f"redaction failed: {type(error).__name__}") from error
        if self.policy == "mask":
            return masked
        return [DROPPED if after != before else before for before, after in zip(texts, masked, strict=True)]

    def text(self, text: str) -> str:
        """Return one text as the policy allows it to be stored. Raises RedactionFailed."""
        return self.texts([text])[0]

    def metadata(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return metadata with its texts and keys redacted; references to prompts and arms stay as they are."""
        if self.policy == "off":
            return value
        return {self._word(key): inner if key in _ALWAYS_KEPT else self._value(inner) for key, inner in value.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._word(value)
        if isinstance(value, dict):
            return {self._word(key): self._value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return value

    def _word(self, text: str) -> str:
        """Redact a text that other lines of the push are likely to hold too."""
        known = self._known.get(text)
        if known is None:
            known = self.text(text)
            if len(text) <= _LONGEST_KNOWN and len(self._known) < _MOST_KNOWN:
                self._known[text] = known
        return known


def _mask_all(texts: Sequence[str]) -> list[str]:
    """Mask texts as one, which costs a tenth of masking each: most of the time goes into beginning, not into matching.

    No pattern holds both characters of the seam, so each text is masked as if it stood alone, but for two that reach
    as far as they can (a key without its end, a password's line without the password). They swallow a seam, which
    shows, and then each text is masked by itself.
    """
    joined = _SEAM.join(texts)
    if joined.count("\0") == len(texts) - 1:
        masked = mask(joined).split(_SEAM)
        if len(masked) == len(texts):
            return masked
    return [mask(text) for text in texts]


def mask(text: str) -> str:
    """Return the text with everything personal or secret replaced by its kind in brackets."""
    possible = _ANY.Match(text)
    if possible is None:
        return text
    for number, (mark, pattern, parts) in enumerate(_PATTERNS):
        if number not in possible:
            continue
        pieces: list[str] = []
        end = 0
        for found in pattern.finditer(text):
            for start, stop in parts(found.group()):
                pieces += [text[end : found.start() + start], f"[{mark}]"]
                end = found.start() + stop
        if pieces:
            text = "".join([*pieces, text[end:]])
            # What stands beside a mark now may have been hidden by what the mark replaced.
            possible = _ANY.Match(text) or ()
    return text
