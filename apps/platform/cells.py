"""Cells of CSV files: logged text is data there too."""

from __future__ import annotations

import re

# What a spreadsheet would run as a formula. A negative number is a number and stays one.
_FORMULA = re.compile(r"^[\s]*[=+\-@\t\r]")
_NUMBER = re.compile(r"^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$")


def neutralised(text: str) -> str:
    """Return the text so that no spreadsheet runs it: an apostrophe goes before = + - @ tab and carriage return."""
    if _NUMBER.match(text):
        return text
    return f"'{text}" if _FORMULA.match(text) else text
