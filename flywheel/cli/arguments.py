"""What arguments of several commands may look like."""

from __future__ import annotations

import argparse
import re

_SLUG = re.compile(r"[a-zA-Z0-9_-]{1,50}")


def slug(text: str) -> str:
    """Return the slug of an organization or application. Raises ArgumentTypeError for anything else."""
    if not _SLUG.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no slug: up to 50 letters, digits, - and _")
    return text
