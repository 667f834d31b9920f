"""Undoing disguises: what a text says once zero-width signs, look-alikes, spacing and encodings are gone."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata

_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)
# Tag characters (U+E0020 …) spell ASCII invisibly.
_TAGS = {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}
# Cyrillic and Greek letters that look Latin.
_LOOK_ALIKES = str.maketrans(
    "аеорсухівԁһјɡνοιαρτκΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТХ", "aeopcyxibdhjgvoiaptkABEZHIKMNOPTYXABEKMHOPCTX"
)
# 1 stands for i as often as for l.
_LEETS = tuple(str.maketrans("013457@$", f"o{one}eastas") for one in "il")
_SPACED = re.compile(r"\b(?:[A-Za-z][ .\-_*]){4,}[A-Za-z]\b")
_LEETED = re.compile(r"[A-Za-z][013457@$][A-Za-z]")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_HEX = re.compile(r"\b(?:[0-9a-fA-F]{2}[ ]?){12,}\b")
_LONGEST = 20_000
# Words that show a rot13 or reversed text has been read the right way round.
_TELLTALE = re.compile(r"\b(?:ignore|instructions|prompt|system|previous|reveal|password|rules)\b", re.IGNORECASE)


def normalize(text: str) -> str:
    """Return the text in NFKC with invisible signs removed and look-alike letters made Latin."""
    text = text[:_LONGEST]
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text.translate(_TAGS).translate(_INVISIBLE))
    return text.translate(_LOOK_ALIKES) if any(c.isascii() and c.isalpha() for c in text) else text


def disguises(text: str) -> list[tuple[str, str]]:
    """Return (provenance, decoded text) for every disguise a normalized text may wear; usually none."""
    found: list[tuple[str, str]] = []
    if _SPACED.search(text):
        found.append(("spaced", _SPACED.sub(lambda m: re.sub(r"[ .\-_*]", "", m.group()), text)))
    if _LEETED.search(text):
        found += [("leet", text.translate(table)) for table in _LEETS]
    for match in list(_BASE64.finditer(text))[:5]:
        if decoded := _printable(_unbase64(match.group())):
            found.append(("base64", decoded))
    for match in list(_HEX.finditer(text))[:5]:
        if decoded := _printable(_unhex(match.group())):
            found.append(("hex", decoded))
    if not _TELLTALE.search(text):
        for provenance, candidate in (("rot13", codecs.encode(text, "rot13")), ("reversed", text[::-1])):
            if len(_TELLTALE.findall(candidate)) >= 2:
                found.append((provenance, candidate))
    return found


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _printable(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ""
    return text if len(text) >= 8 and text.isprintable() and " " in text else ""
