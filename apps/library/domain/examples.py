"""A conversation as an example to fine-tune a model on: the chat shape that OpenAI and open trainers take."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

LONGEST_EXAMPLE = 256 * 1024
_ROLES = frozenset({"system", "user", "assistant"})


def to_example(roles: Sequence[str], texts: Sequence[str]) -> list[dict[str, str]] | None:
    """Return ``[{"role", "content"}, …]``; None for a conversation that teaches nothing.

    System messages come first, then the user's, and the last word is the assistant's: greetings before the first
    question and what got no reply are left out, several messages of one side in a row are one. A conversation with a
    tool's messages is none: without the call, which is not kept, a model would learn to make up what the tool said.
    So is one of more than LONGEST_EXAMPLE bytes.
    """
    said = [(role, text.strip()) for role, text in zip(roles, texts, strict=True) if text.strip()]
    if any(role not in _ROLES for role, _ in said):
        return None
    told = [text for role, text in said if role == "system"]
    turns: list[dict[str, str]] = []
    for role, text in said:
        if role == "system" or (role == "assistant" and not turns):
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += f"\n\n{text}"
        else:
            turns.append({"role": role, "content": text})
    if turns and turns[-1]["role"] == "user":
        turns.pop()
    if not turns:
        return None
    example = [*([{"role": "system", "content": "\n\n".join(told)}] if told else []), *turns]
    return example if len(orjson.dumps(example)) <= LONGEST_EXAMPLE else None
