"""The fonts of printed pages, in the scripts the text has. What none of them can draw stands as its code point."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

import manimgx_fonts
import paperang_p2_fonts_cjk
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer
from fpdf import FPDF

FAMILY = "Noto"
_NOTO = Path(manimgx_fonts.__file__).parent
_LATIN = "NotoSans"
_EMOJI = "NotoEmoji"
# One font for Chinese, Japanese and Korean; characters they share have their Chinese form.
_CJK = "WenQuanYi"
_FILES = {_CJK: Path(paperang_p2_fonts_cjk.__file__).parent / "fonts" / "wqy-microhei.ttc"}
_FALLBACKS = (
    *(f"NotoSans{script}" for script in (
        "Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil", "Telugu", "Kannada", "Malayalam", "Gujarati", "Gurmukhi",
        "Oriya", "Sinhala", "Thai", "Lao", "Khmer", "Myanmar", "Georgian", "Armenian", "Ethiopic",
    )),
    _EMOJI, "NotoSansSymbols", _CJK,
)  # fmt: skip
# Zero-width, and they change how their neighbours look: they must stand in their neighbours' font.
_JOINERS = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")
_KEYCAP = "\N{COMBINING ENCLOSING KEYCAP}"
_DRAW_NOTHING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_WEIGHTS = {"": 400.0, "B": 650.0}
# Without them a variable font is its regular weight.
_VARIATION = ("fvar", "gvar", "avar", "HVAR", "MVAR", "STAT")
# What the pages say by themselves, whatever their data.
_ALWAYS = frozenset(map(chr, range(0x20, 0x17F))) | frozenset("–—‘’“”•…−×≤≥€·")


def load_fonts(pdf: FPDF, texts: Iterable[str], folder: Path) -> None:
    """Give the document the fonts its texts need: the Latin one always, another script's where a character asks.

    They are cut to size in ``folder``, which must last until the document has been put out.
    """
    needed = _ALWAYS | {character for text in texts for character in drawable(text)[0]}
    latin = needed & characters_of(_LATIN)
    rest, fallbacks = needed - latin, []
    for name in _FALLBACKS:
        if here := rest & characters_of(name):
            _add_fallback(pdf, folder, name, here | {" "} | (_JOINERS & characters_of(name)))
            fallbacks.append(name)
            rest -= here
    joining = _JOINERS if any(_JOINERS & characters_of(name) for name in fallbacks) else frozenset()
    _add_latin(pdf, folder, frozenset(latin - joining))
    pdf.set_fallback_fonts(fallbacks, exact_match=False)
    # Joins Arabic letters, orders right-to-left text, places Indic vowels.
    pdf.set_text_shaping(use_shaping_engine=bool(fallbacks))


def drawable(text: str) -> tuple[str, int]:
    """Return the text with what cannot be drawn as [U+code], and how many characters that were.

    Control characters, which draw nothing and may reverse what stands beside them, are left out, and so is what asks
    for another form of a character: there is one of each here.
    """
    known = _every()
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    kept = [character for character in composed if _is_drawn(character)]
    missing = sum(character not in known for character in kept)
    return "".join(each if each in known else f"[U+{ord(each):04X}]" for each in kept), missing


def _is_drawn(character: str) -> bool:
    if "\N{VARIATION SELECTOR-1}" <= character <= "\N{VARIATION SELECTOR-16}" or character == _KEYCAP:
        return False
    return character in _JOINERS or unicodedata.category(character) not in _DRAW_NOTHING


@cache
def characters_of(name: str) -> frozenset[str]:
    """Return the characters a font draws."""
    with _open(name) as font:
        return frozenset(map(chr, font.getBestCmap()))


@cache
def _every() -> frozenset[str]:
    return frozenset().union(*map(characters_of, (_LATIN, *_FALLBACKS)))


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


def _add_fallback(pdf: FPDF, folder: Path, name: str, characters: Iterable[str]) -> None:
    """Add another script's font in its regular weight, with what shaping needs."""
    path = folder / f"{name}.ttf"
    with _cut(name, characters, without=_VARIATION) as font:
        font.save(path)
    for style in _WEIGHTS:
        pdf.add_font(name, style, path)


def _cut(name: str, characters: Iterable[str], *, without: Iterable[str]) -> TTFont:
    font = _open(name)
    for table in without:
        if table in font:
            del font[table]
    options = subset.Options()
    options.layout_features = ["*"]
    options.drop_tables += ["FFTM"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[ord(character) for character in characters])
    cutter.subset(font)
    return font


def _open(name: str) -> TTFont:
    return TTFont(_FILES.get(name, _NOTO / f"{name}[wght].ttf"), fontNumber=0, lazy=True)
