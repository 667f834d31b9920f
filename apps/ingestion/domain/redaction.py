"""Personal data and secrets are taken out before anything is stored.

``mask`` puts ``[EMAIL]`` and the like in their place; ``drop`` replaces a whole text that holds any by ``[REDACTED]``.
It fails closed: whatever goes wrong becomes RedactionFailed, and the caller stores nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

import re2

DROPPED = "[REDACTED]"
_ALWAYS_KEPT = frozenset({"assignment_id", "variant", "prompt_version", "prompt_name", "model", "agent_id"})


class RedactionFailed(RuntimeError):
    """Redaction did not run to its end; nothing of this push may be stored."""


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (d if i % 2 == 0 else (2 * d if d < 5 else 2 * d - 9) for i, d in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def _card(text: str) -> bool:
    """Say whether neighbouring groups of digits make a card number: a tail or a prefix must not hide it."""
    groups = re.findall(r"\d+", text)
    return any(
        _luhn("".join(groups[start:end])) for start in range(len(groups)) for end in range(start + 1, len(groups) + 1)
    )


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


def _iban(text: str) -> int:
    """Return how much of the text is the IBAN: capitals that follow one are not part of it."""
    length = _IBAN_LENGTHS.get(text[:2], 0)
    places = [index for index, char in enumerate(text) if char.isalnum()]
    if not length or len(places) < length:
        return 0
    compact = "".join(text[index] for index in places[:length])
    valid = int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1
    return places[length - 1] + 1 if valid else 0


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


# (mark, RE2 pattern, check). Order matters: the surest first. Patterns are linear; checks decide what they mean.
# A check says whether the whole match counts, or how many of its characters do.
_KINDS: list[tuple[str, str, Callable[[str], int]]] = [
    ("PRIVATE_KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", _any),
    ("TOKEN", r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}"
              r"|fw_live_[0-9a-z]{8}_[A-Za-z0-9_-]{20,}|AIza[0-9A-Za-z_-]{30,}"
              r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)", _any),
    ("TOKEN", r"(?i)\bbearer\s+[A-Za-z0-9._~+/-]{16,}=*", _any),
    ("PASSWORD", r"(?i)\b(?:password|passwort|passwd|pwd|contraseña|mot de passe)\s*(?:is|ist|es|est)?\s*[:=]\s*\S+",
     _any),
    ("EMAIL", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", _any),
    ("IBAN", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    ("CARD", r"\d(?:[ -]?\d){12,40}", _card),
    ("NATIONAL_ID", r"\b(?:00[1-9]|0[1-9]\d|[1-578]\d\d|6[0-57-9]\d|66[0-57-9])-\d{2}-\d{4}\b", _any),
    ("IP", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", _ip),
    ("IP", r"(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4})+", _ip),
    ("PHONE", r"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,5}\d|(?:\(\d{2,4}\)|\b\d{2,4})(?:[ .-]\d{2,4}){2,4}\b", _phone),
]  # fmt: skip
_PATTERNS = [(mark, re2.compile(pattern), check) for mark, pattern, check in _KINDS]
# Without one of these a text holds nothing to find; most texts end here, in nanoseconds.
_HINT = re.compile(r"@|\d[\d .()-]{6}|[0-9A-Fa-f]:|-----|[A-Za-z0-9_-]{16}|[:=]|earer")


class Redactor:
    """Applies one organization's policy: off, mask or drop."""

    def __init__(self, policy: str) -> None:
        """Raises ValueError for an unknown policy: a typing mistake must not mean "off"."""
        if policy not in {"off", "mask", "drop"}:
            raise ValueError(f"unknown redaction policy {policy!r}")
        self.policy = policy

    def text(self, text: str) -> str:
        """Return the text as the policy allows it to be stored. Raises RedactionFailed."""
        if self.policy == "off" or _HINT.search(text) is None:
            return text
        try:
            masked = mask(text)
        except Exception as error:
            raise RedactionFailed(f"redaction failed: {type(error).__name__}") from error
        return DROPPED if self.policy == "drop" and masked != text else masked

    def metadata(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return metadata with its texts and keys redacted; references to prompts and arms stay as they are."""
        if self.policy == "off":
            return value
        return {self.text(key): inner if key in _ALWAYS_KEPT else self._value(inner) for key, inner in value.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return value


def mask(text: str) -> str:
    """Return the text with everything personal or secret replaced by its kind in brackets."""
    for mark, pattern, check in _PATTERNS:
        pieces: list[str] = []
        end = 0
        for found in pattern.finditer(text):
            counted = check(found.group())
            if counted:
                pieces += [text[end : found.start()], f"[{mark}]"]
                end = found.end() if counted is True else found.start() + counted
        if pieces:
            text = "".join([*pieces, text[end:]])
    return text
