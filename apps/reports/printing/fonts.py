"""The fonts of printed pages: Noto, in the scripts the text has. What none of them can draw is said to be missing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

import manimgx_fonts
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer
from fpdf import FPDF

FAMILY = "Noto"
# Drawn where a character has no glyph in any font of ours (Chinese, Japanese and Korean fonts weigh 20 MB).
MISSING = "\N{REPLACEMENT CHARACTER}"
_FOLDER = Path(manimgx_fonts.__file__).parent
_LATIN = "NotoSans"
_SCRIPTS = (
    "Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil", "Telugu", "Kannada", "Malayalam", "Gujarati", "Gurmukhi",
    "Oriya", "Sinhala", "Thai", "Lao", "Khmer", "Myanmar", "Georgian", "Armenian", "Ethiopic", "Symbols",
)  # fmt: skip
_WEIGHTS = {"": 400.0, "B": 650.0}
# Without them a variable font is its regular weight.
_VARIATION = ("fvar", "gvar", "avar", "HVAR", "MVAR", "STAT")
# What the pages say by themselves, whatever their data.
_ALWAYS = frozenset(map(chr, range(0x20, 0x17F))) | frozenset("–—‘’“”•…−×→≤≥€·") | {MISSING}


def load_fonts(pdf: FPDF, texts: Iterable[str], folder: Path) -> None:
    """Give the document the fonts its texts need: the Latin one always, another script's where a character asks.

    They are cut to size in ``folder``, which must last until the document has been put out.
    """
    needed = _ALWAYS | {character for text in texts for character in text}
    fallbacks = []
    _add_latin(pdf, folder, frozenset(needed & characters_of(_LATIN)))
    rest = needed - characters_of(_LATIN)
    for script in _SCRIPTS:
        name = f"NotoSans{script}"
        if here := rest & characters_of(name):
            _add_script(pdf, folder, name, here | {" "})
            fallbacks.append(name)
            rest -= here
    pdf.set_fallback_fonts(fallbacks, exact_match=False)
    # Joins Arabic letters, orders right-to-left text, places Indic vowels.
    pdf.set_text_shaping(use_shaping_engine=bool(fallbacks))


def drawable(text: str) -> tuple[str, int]:
    """Return the text with what cannot be drawn replaced, and how many characters that were.

    Control characters, which draw nothing and may reverse what stands beside them, are left out.
    """
    known = _every()
    kept = [character for character in " ".join(text.split()) if character.isprintable()]
    missing = sum(character not in known for character in kept)
    return "".join(character if character in known else MISSING for character in kept), missing


@cache
def characters_of(name: str) -> frozenset[str]:
    """Return the characters a font draws."""
    with TTFont(_file(name), lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap()))


@cache
def _every() -> frozenset[str]:
    return frozenset().union(characters_of(_LATIN), *(characters_of(f"NotoSans{each}") for each in _SCRIPTS))


def _add_latin(pdf: FPDF, folder: Path, characters: frozenset[str]) -> None:
    for style, weight in _WEIGHTS.items():
        path = folder / f"{_LATIN}-{weight:.0f}.ttf"
        path.write_bytes(_latin(characters, weight))
        pdf.add_font(FAMILY, style, path)


@lru_cache(maxsize=8)
def _latin(characters: frozenset[str], weight: float) -> bytes:
    """Return the Latin font in a weight. Cut down first: fixing the weight of the whole font takes a minute."""
    file = BytesIO()
    with _cut(_LATIN, characters, without=("GPOS", "GSUB", "GDEF")) as font:
        instancer.instantiateVariableFont(font, {"wght": weight}, inplace=True)
        font.save(file)
    return file.getvalue()


def _add_script(pdf: FPDF, folder: Path, name: str, characters: Iterable[str]) -> None:
    """Add another script's font in its regular weight, with what shaping needs."""
    path = folder / f"{name}.ttf"
    with _cut(name, characters, without=_VARIATION) as font:
        font.save(path)
    for style in _WEIGHTS:
        pdf.add_font(name, style, path)


def _cut(name: str, characters: Iterable[str], *, without: Iterable[str]) -> TTFont:
    font = TTFont(_file(name), lazy=True)
    for table in without:
        if table in font:
            del font[table]
    options = subset.Options()
    options.layout_features = ["*"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[ord(character) for character in characters])
    cutter.subset(font)
    return font


def _file(name: str) -> Path:
    return _FOLDER / f"{name}[wght].ttf"
