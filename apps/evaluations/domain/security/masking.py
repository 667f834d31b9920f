"""Evidence that may be shown: an excerpt with secrets and personal data covered."""

from __future__ import annotations

import re

import re2

_COVER = "•••"
_AROUND = 70
_LONGEST = 220
_PERSONAL = re2.compile(
    r"(?i)[\w.+-]+@[\w-]+\.[\w.-]{2,}|\b\d{3}-\d{2}-\d{4}\b|\b(?:\d[ -]?){12,18}\d\b|\+?\d[\d ()/.-]{7,}\d"
    r"|\b[a-z]{2}\d{2} ?(?:[a-z0-9]{4} ?){3,7}[a-z0-9]{1,4}\b"
    r"|\b(?:akia[0-9a-z]{12,}|gh[pousr]_[0-9a-z]{20,}|sk[-_][0-9a-z_-]{16,}|xox[abprs]-[0-9a-z-]{10,}|eyj[\w-]{10,}\.[\w.-]+)"
)
_SECRET_VALUE = re2.compile(
    r"(?i)(\b(?:password|passwort|passcode|pwd|passphrase|pin|api[ _-]?key|secret[ _-]?key|token|contrasena|contraseña"
    r"|mot de passe)\b\W{0,3}(?:is|ist|es|est|lautet|was|:|=)\W{0,3})(\S+)"
)


def mask(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return the text with e-mail addresses, long numbers, keys, passwords and the given secrets covered."""
    for secret in secrets:
        if secret.lower() in text.lower():
            text = re.sub(re.escape(secret), _COVER, text, flags=re.IGNORECASE)
    # The library garbles a replacement beyond ASCII that is text; what a function returns it takes as it is.
    hidden = _SECRET_VALUE.sub(lambda found: found[1] + _COVER, text)
    return str(_PERSONAL.sub(lambda _: _COVER, hidden))


def excerpt(text: str, span: tuple[int, int], secrets: tuple[str, ...] = ()) -> str:
    """Return up to ``_LONGEST`` masked characters of a message around a span, cut at words and marked by "…"."""
    start, end = max(0, span[0] - _AROUND), min(len(text), max(span[1], span[0] + 1) + _AROUND)
    end = min(end, start + _LONGEST)
    while 0 < start < len(text) and start > span[0] - 2 * _AROUND and not text[start - 1].isspace():
        start -= 1
    # Masked before it is cut, so that half a secret does not show.
    shown = mask(" ".join(text[start : end + _AROUND].split()), secrets)
    cut = shown[: end - start]
    return ("…" if start else "") + cut.strip() + ("…" if end < len(text) or len(cut) < len(shown) else "")
