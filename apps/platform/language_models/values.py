"""What is asked of a language model, what it answers, and how asking fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

# Tokens a message costs besides its words: role and separators. Generous, since budgets must hold.
_AROUND_A_MESSAGE = 16
# What went wrong: the model is overloaded or down (worth another try, later); the endpoint will not have us; it
# answers, but not what was asked for.
Trouble = Literal["down", "refused", "garbage"]


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible address, the model there, and its key. ``timeout`` in seconds, for one attempt."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    timeout: float = 60.0


@dataclass(frozen=True)
class Question:
    """A chat so far. ``schema`` (name, JSON Schema) asks for JSON; ``parameters`` are temperature and the like."""

    messages: Sequence[Mapping[str, str]]
    most_tokens: int = 400
    schema: tuple[str, Mapping[str, Any]] | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def worst_case(self) -> int:
        """The most tokens this can cost: no tokenizer makes more tokens than there are bytes."""
        said = sum(len(each["content"].encode()) + _AROUND_A_MESSAGE for each in self.messages)
        return said + self.most_tokens


@dataclass(frozen=True)
class Answer:
    """What the model said. ``tokens``: what the server says it cost, None where it does not say.

    ``filtered``: the provider's own filter kept the answer back.
    """

    text: str
    tokens: int | None = None
    filtered: bool = False


class Failed(Exception):
    """There is no answer; ``trouble`` is what went wrong, the message words for people, without the server's own."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble
