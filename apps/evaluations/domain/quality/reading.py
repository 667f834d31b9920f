"""One pass over a conversation: each spoken turn with its words and cues, read once for all detectors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.evaluations.domain.quality.cues import assistant_cues, user_cues
from apps.evaluations.domain.quality.sentiment import measure_sentiment
from apps.evaluations.domain.quality.words import content_stems, split_words
from apps.evaluations.domain.values import Message

# A longer message is read up to here, by every detector: a pasted log must not cost more than a conversation.
LONGEST = 4000
_EXCERPT = 160
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "`", "“": '"', "”": '"', "\u00a0": " "})
_DIGITS = re.compile(r"\d+")
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


class Turn:
    """One user or assistant message, read. ``index`` counts all messages of the conversation from 0."""

    def __init__(self, index: int, message: Message) -> None:
        self.index = index
        self.is_user = message.role == "user"
        self.sent_at: datetime = message.sent_at
        self.metadata: dict[str, Any] = message.metadata
        self.text = clean(message.content)
        self.plain = self.text if self.text.isascii() else self.text.translate(_QUOTES)
        self.words = split_words(self.plain)
        self.cues = (user_cues() if self.is_user else assistant_cues()).find(self.plain)
        self.asks = "?" in self.text
        # The stems of the content words.
        self.stems = content_stems(self.words)
        # The words with each number replaced by one sign: what two turns must share to be the same text.
        self.normalized = _DIGITS.sub("#", " ".join(self.words))
        self._sentiment: float | None = None

    def where(self, cue: str) -> tuple[int, int]:
        """Return the (start, end) of a cue in the turn, (0, 0) when it does not occur."""
        if cue not in self.cues:
            return 0, 0
        return (user_cues() if self.is_user else assistant_cues()).locate(cue, self.plain)

    @property
    def sentiment(self) -> float:
        """VADER's compound, −1 to 1; asked of user turns only, and measured once."""
        if self._sentiment is None:
            self._sentiment = measure_sentiment(self.plain)
        return self._sentiment

    def split_sentences(self) -> list[str]:
        """Return the first forty sentences."""
        return [part for part in _SENTENCES.split(self.plain, maxsplit=40) if part][:40]

    def excerpt(self, start: int = 0) -> str:
        """Return at most 160 characters of the turn on one line, from ``start`` on."""
        start = max(0, start - 20) if start > _EXCERPT // 2 else 0
        short = " ".join(self.text[start : start + 2 * _EXCERPT].split())
        lead = "…" if start else ""
        return f"{lead}{short}" if len(short) < _EXCERPT else f"{lead}{short[: _EXCERPT - 2]}…"


def read_turns(messages: Sequence[Message]) -> list[Turn]:
    """Return the user and assistant messages as turns; system and tool messages are not spoken."""
    return [Turn(index, m) for index, m in enumerate(messages) if m.role in {"user", "assistant"}]


def clean(content: str) -> str:
    """Return the text in NFKC, stripped, cut to 4,000 characters; lone surrogates become question marks."""
    content = content[:LONGEST]
    if not content.isascii():
        content = unicodedata.normalize("NFKC", content.encode("utf-8", "replace").decode("utf-8"))
    return content.strip()


def normalize_digits(text: str) -> str:
    """Return the lower-case words of a text, joined by single spaces, with each run of digits replaced by ``#``."""
    return _DIGITS.sub("#", " ".join(split_words(text)))
