"""Write the Latin part of Inter, which nearly every page gets by with: python scripts/subset_fonts.py

The whole fonts, as django-unfold ships them, are loaded only for a page with other letters: see tokens.css.
"""

from __future__ import annotations

from pathlib import Path

import unfold
from fontTools import subset

WHOLE = Path(unfold.__file__).parent / "static" / "unfold" / "fonts" / "inter"
LATIN = Path(__file__).parents[1] / "static" / "flywheel" / "fonts"
# Basic Latin and Latin-1, and the signs that pages write: dashes, quotes, ellipsis, arrows, minus, comparisons.
UNICODES = "U+0000-00FF,U+0131,U+0152-0153,U+02C6,U+02DA,U+02DC,U+2000-206F,U+20AC,U+2190-2193,U+2212,U+2264-2265"


def main() -> None:
    """Write one file a weight."""
    LATIN.mkdir(exist_ok=True)
    for weight in ("Regular", "Medium", "SemiBold"):
        target = LATIN / f"inter-latin-{weight.lower()}.woff2"
        subset.main(
            [str(WHOLE / f"Inter-{weight}.woff2"), f"--unicodes={UNICODES}", "--flavor=woff2",
             "--layout-features=kern,liga,calt,tnum,ccmp,locl,mark", f"--output-file={target}"]
        )  # fmt: skip
        print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
