"""What a text says once look-alikes, invisible signs, spacing and encodings are gone, and where it stands.

A :class:`Reading` is one way to read a message: the folded text itself, or what it becomes when one disguise is taken
off. Every reading can map a span back to the original message. All work is bounded: at most ``LONGEST`` code points
are read, at most ``MOST_READINGS`` readings come of one message, and decodings nest no deeper than two.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import unquote

import msgspec
import re2

LONGEST = 60_000
MOST_READINGS = 8
_DEEPEST = 2
# Nothing longer is decoded from one blob; nothing shorter is a sentence.
_BLOB, _SENTENCE = 8_000, 8

_LOOK_ALIKES = dict(
    zip(
        "аеорсухівԁһјɡνοιαρτκυωηεбпгтмздʏɴʀɪʟʜɢвкн",
        "aeopcyxibdhjgvoiaptkuwnebnrtm3dynrilhgbkh",
        strict=True,
    )
)
# Letters that decompose into nothing but are read as Latin ones.
_LATIN = {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"} | {
    **dict.fromkeys("‘’ʼ`´′", "'"), **dict.fromkeys("“”„«»″", '"'), **dict.fromkeys("–—−‐‑", "-"), "…": "...",
}  # fmt: skip
# Accents that stand alone, fillers, variation selectors, Arabic vowel points and its stretching sign.
_SILENT_RANGES = (
    (0x300, 0x36F), (0x115F, 0x1160), (0x3164, 0x3164), (0x640, 0x640), (0x64B, 0x652),
    (0xFE00, 0xFE0F), (0xE0100, 0xE01EF),
)  # fmt: skip
_SILENT = frozenset(code for first, last in _SILENT_RANGES for code in range(first, last + 1))
_KEEP_TABLE_BELOW = 20_000


class _Fold(dict[int, str]):
    """Code point → folded text, filled as letters are met: NFKC, lower case, accents off Latin letters."""

    def __init__(self, look_alikes: dict[str, str]) -> None:
        super().__init__()
        self._look_alikes = look_alikes

    def __missing__(self, code: int) -> str:
        folded = self._fold(chr(code))
        if len(self) < _KEEP_TABLE_BELOW:
            self[code] = folded
        return folded

    def _fold(self, char: str) -> str:
        code = ord(char)
        if 0xE0020 <= code < 0xE007F:  # tag characters spell ASCII invisibly
            return chr(code - 0xE0000).lower()
        category = unicodedata.category(char)
        if category in {"Cf", "Cn", "Co", "Cs"} or code in _SILENT:
            return ""
        if char in _LATIN:
            return _LATIN[char]
        bare = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c)).lower()
        if bare.isascii() and bare:
            return bare
        whole = unicodedata.normalize("NFKC", char).lower()
        return "".join(_LATIN.get(c) or self._look_alikes.get(c, c) for c in whole)


_PLAIN, _LATINIZED = _Fold({}), _Fold(_LOOK_ALIKES)
_LATIN_LETTERS = re.compile(r"[A-Za-z\u00c0-\u024f]")
_FOREIGN_LOOK_ALIKES = re.compile(r"[\u0370-\u058f\u0262-\u029f]")


class Reading(msgspec.Struct, frozen=True):
    """One way to read a message. ``provenance`` names the disguises taken off, outermost first."""

    text: str
    provenance: tuple[str, ...]
    _locate: Callable[[int, int], tuple[int, int]]

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Return the (start, end) in the original message that a span of this reading came from."""
        return self._locate(start, end)


def fold(content: str) -> str:
    """Return the text as rules read it: NFKC, lower case, no invisible signs, Latin letters without accents, and
    look-alike letters made Latin where the text is mostly Latin."""
    content = _bounded(content)
    return content.lower() if content.isascii() else content.translate(_table(content))


def read(content: str) -> list[Reading]:
    """Return every reading of a message: the folded text first, then what its disguises hide; usually one."""
    content = _bounded(content)
    readings = [_plain_reading(content)]
    if _MAY_BE_DISGUISED.search(content) is None and content.isascii():
        return readings
    _uncover(content, readings[0], (), lambda start, end: (start, end), readings)
    return readings[:MOST_READINGS]


def _bounded(content: str) -> str:
    # A cut would hide what stands after it, so a longer text loses its middle.
    return content if len(content) <= LONGEST else content[: LONGEST // 2] + content[-LONGEST // 2 :]


def _table(content: str) -> _Fold:
    foreign = len(_FOREIGN_LOOK_ALIKES.findall(content))
    return _LATINIZED if foreign and len(_LATIN_LETTERS.findall(content)) >= foreign else _PLAIN


def _plain_reading(content: str) -> Reading:
    if content.isascii():
        return Reading(content.lower(), (), lambda start, end: (start, end))
    table = _table(content)
    text = content.translate(table)
    return Reading(text, (), lambda start, end: _origin(content, table, start, end))


def _origin(content: str, table: _Fold, start: int, end: int) -> tuple[int, int]:
    owners = [index for index, char in enumerate(content) for _ in table[ord(char)]]
    return (owners[start], owners[end - 1] + 1) if end <= len(owners) and start < end else (0, len(content))


# One linear pass tells whether any disguise below is worth trying.
_MAY_BE_DISGUISED = re2.compile(
    r"(?i)[a-z][013457@$!|][a-z]|[a-z]{3}[013457@$]{1,2}\b"
    r"|(?:\b[a-z][ .\-_*|/\\,]{1,3}){4}[a-z]\b|\\.\\.\\.\\."
    r"|[a-z0-9+/_-]{20}|(?:\b[0-9a-f]{2}[ :,]){8}|(?:[0-9a-f]{2}){10}|(?:\\x[0-9a-f]{2}){4}|(?:\\u00[0-9a-f]{2}){4}"
    r"|%[0-9a-f]{2}|&#?\w{2,6};|(?:\b[01]{8}\b\W*){4}"
    r"|\b(?:vtaber|vafgehpgvbaf?|flfgrz|cebzcg|erirny|cerivbhf|cnffjbeq|qvfertneq)\b"
    r"|\b(?:erongi|snoitcurtsni|metsys|tpmorp|laever|suoiverp|drowssap|drageersid|selur)\b"
)
_LEETED = re.compile(r"\b(?=\w*[a-z])[a-z0-9@$!|]{3,}(?!\w)")
_LEET_SIGN = re.compile(r"[013457@$!|]")
# 1 stands for i as often as for l.
_LEETS = tuple(str.maketrans("013457@$!|", f"o{one}eastasil") for one in "il")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .\-_*|/\\,]{1,3}){4,}\w(?!\w)")
_SPACERS = re.compile(r"[ .\-_*|/\\,]")
_SLASHED = re.compile(r"(?:\\.){4,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,8000}={0,2}")
_HEX = re.compile(r"(?:(?:\\x|0x)?[0-9a-fA-F]{2}[ :,]?){8,4000}")
_BINARY = re.compile(r"(?:[01]{8}[ ,]?){4,500}")
_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2}|\\u00[0-9a-fA-F]{2}|&#?\w{2,6};)")
# Words that show a turned or shifted text has been read the right way round.
_TELLTALE = re.compile(
    r"\b(?:ignore|instructions?|prompt|system|previous|reveal|password|rules|disregard|the|your|you|all|and)\b"
)


def _uncover(
    content: str,
    plain: Reading,
    provenance: tuple[str, ...],
    origin: Callable[[int, int], tuple[int, int]],
    readings: list[Reading],
) -> None:
    """Append the readings that taking one disguise off ``content`` gives, then theirs."""
    for name, text, locate in _respellings(plain):
        readings.append(Reading(text, (*provenance, name), locate))
    if len(provenance) >= _DEEPEST:
        return
    for name, start, end, decoded in _decodings(content):
        if len(readings) >= MOST_READINGS:
            return
        where = origin(start, end)
        inner = Reading(fold(decoded), (*provenance, name), lambda _s, _e, where=where: where)  # type: ignore[misc]
        readings.append(inner)
        if _MAY_BE_DISGUISED.search(decoded) is not None:
            _uncover(decoded, inner, inner.provenance, lambda _s, _e, where=where: where, readings)  # type: ignore[misc]


def _respellings(plain: Reading) -> Iterator[tuple[str, str, Callable[[int, int], tuple[int, int]]]]:
    """Yield readings of the same letters spelled otherwise: leet, spaced, rot13, reversed."""
    text = plain.text
    words = [m for m in _LEETED.finditer(text) if _is_leet(m.group())]
    if words:
        for table in _LEETS:
            yield (
                "leet",
                _replace(text, [(m.start(), m.end(), m.group().translate(table)) for m in words]),
                plain.locate,
            )
    spaced = [(m.start(), m.end()) for m in _SPACED.finditer(text)] + [
        (m.start(), m.end()) for m in _SLASHED.finditer(text)
    ]
    if spaced:
        joined, owners = _join(text, sorted(spaced))
        yield "spaced", joined, lambda start, end: plain.locate(owners[start], owners[end - 1] + 1)
    known, size = len(_TELLTALE.findall(text)), len(text)
    for name, other in (("rot13", codecs.encode(text, "rot13")), ("reversed", text[::-1])):
        if len(_TELLTALE.findall(other)) >= max(2, known + 1):
            yield (
                name,
                other,
                plain.locate if name == "rot13" else lambda start, end: plain.locate(size - end, size - start),
            )


def _is_leet(word: str) -> bool:
    signs = len(_LEET_SIGN.findall(word))
    if not signs or sum(c.isalpha() for c in word) < 2:
        return False
    return signs > 1 or not word[:-1].isalpha()


def _replace(text: str, pieces: Sequence[tuple[int, int, str]]) -> str:
    out, last = [], 0
    for start, end, new in pieces:
        out += [text[last:start], new]
        last = end
    return "".join([*out, text[last:]])


def _join(text: str, regions: Sequence[tuple[int, int]]) -> tuple[str, list[int]]:
    """Close up spaced letters; two or more spacers in a row part words where single ones part letters."""
    out: list[str] = []
    owners: list[int] = []
    last = 0
    for start, end in regions:
        if start < last:
            continue
        out += text[last:start]
        owners += range(last, start)
        index = start
        while index < end:
            char = text[index]
            if not _SPACERS.match(char):
                out.append(char)
                owners.append(index)
            elif index + 1 < end and _SPACERS.match(text[index + 1]):
                out.append(" ")
                owners.append(index)
                while index + 1 < end and _SPACERS.match(text[index + 1]):
                    index += 1
            index += 1
        last = end
    out += text[last:]
    owners += range(last, len(text))
    return "".join(out), owners


def _decodings(content: str) -> Iterator[tuple[str, int, int, str]]:
    """Yield (name, start, end, decoded) for every blob that decodes to something readable; at most five a kind."""
    if len(_ESCAPES.findall(content)) >= 3:
        unescaped = html.unescape(unquote(re.sub(r"\\u00([0-9a-fA-F]{2})", r"%\1", content)))
        if unescaped != content:
            yield "escaped", 0, len(content), unescaped[:_BLOB]
    for name, pattern, decode in (("base64", _BASE64, _unbase64), ("hex", _HEX, _unhex), ("binary", _BINARY, _unbits)):
        for count, match in enumerate(pattern.finditer(content)):
            if count >= 5:
                break
            if decoded := _readable(decode(match.group())):
                yield name, match.start(), match.end(), decoded


def _unbase64(text: str) -> bytes:
    bare = text.rstrip("=").translate({0x2D: "+", 0x5F: "/"})
    if len(bare) % 4 == 1 or bare.islower():
        return b""
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(re.sub(r"\\x|0x|[ :,]", "", text))
    except ValueError:
        return b""


def _unbits(text: str) -> bytes:
    bits = re.sub(r"[ ,]", "", text)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8))


def _readable(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ""
    if len(text) < _SENTENCE:
        return ""
    printable = sum(c.isprintable() or c in "\n\t" for c in text)
    return text[:_BLOB] if printable >= 0.95 * len(text) else ""
