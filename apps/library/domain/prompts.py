"""What a prompt version is: text or chat messages with ``{{variables}}``, its hash, its difference to another."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

Type = Literal["text", "chat"]
Content = str | list[dict[str, str]]

ROLES = ("system", "developer", "user", "assistant")
LONGEST = 200_000
MOST_MESSAGES = 200
LATEST = "latest"
# What applications are served; an organization may want two people to move it by hand.
PROTECTED_LABEL = "production"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
# The portal's page of response templates stands beside those of prompts, under /library/.
_TAKEN = frozenset({"templates"})
_LABEL = re.compile(r"[a-z0-9][a-z0-9_.-]{0,49}")
# One pair of braces, a plain name, no expression: a prompt is text with gaps, never a program.
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]{0,63})\s*\}\}")


class BadPrompt(ValueError):
    """What is wrong with a prompt, its name, a label or its config."""


def check_name(name: object) -> str:
    """Return the name. Raises BadPrompt for one that cannot stand in an address."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadPrompt("A prompt is named by up to 100 letters, digits, '_', '.' and '-', a letter or digit first.")
    if name in _TAKEN:
        raise BadPrompt(f"No prompt can be named {name!r}: the library keeps something else under it.")
    return name


def check_labels(labels: object) -> list[str]:
    """Return the labels, each once, in their order. Raises BadPrompt for a bad or reserved one."""
    if not isinstance(labels, list) or not all(isinstance(label, str) and _LABEL.fullmatch(label) for label in labels):
        raise BadPrompt("Labels are a list of up to 50 lower-case letters, digits, '_', '.' and '-' each.")
    if LATEST in labels:
        raise BadPrompt("The label 'latest' always names the newest version; it cannot be given.")
    return list(dict.fromkeys(labels))


def check_content(kind: str, content: object) -> Content:
    """Return a version's content. Raises BadPrompt where it does not fit the prompt's type or its limits."""
    if kind == "text":
        if not isinstance(content, str) or not content.strip():
            raise BadPrompt("The content of a text prompt is a text that is not empty.")
        found: Content = content
    elif kind == "chat":
        found = _messages(content)
    else:
        raise BadPrompt("A prompt's type is 'text' or 'chat'.")
    text = as_text(found)
    if len(text) > LONGEST:
        raise BadPrompt(f"A prompt has at most {LONGEST:,} characters; this one has {len(text):,}.")
    if "\x00" in text:
        raise BadPrompt("A prompt cannot hold a NUL.")
    return found


def _messages(content: object) -> list[dict[str, str]]:
    if not isinstance(content, list) or not 1 <= len(content) <= MOST_MESSAGES:
        raise BadPrompt(f"The content of a chat prompt is a list of 1 to {MOST_MESSAGES} messages.")
    for number, message in enumerate(content, start=1):
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise BadPrompt(f"Message {number} must have exactly 'role' and 'content'.")
        if message["role"] not in ROLES:
            raise BadPrompt(f"Message {number}: the role is one of {', '.join(ROLES)}.")
        if not isinstance(message["content"], str):
            raise BadPrompt(f"Message {number}: its content is a text.")
    return [{"role": message["role"], "content": message["content"]} for message in content]


def check_config(config: object) -> dict[str, Any]:
    """Return the config (model, parameters): a small JSON object. Raises BadPrompt."""
    if not isinstance(config, dict):
        raise BadPrompt("config is an object: model and parameters.")
    if not _is_finite(config) or len(canonical(config)) > 20_000:
        raise BadPrompt("config must be plain JSON of at most 20,000 characters, without NaN or infinity.")
    return config


def _is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_finite(each) for each in value.values())
    if isinstance(value, list):
        return all(_is_finite(each) for each in value)
    return not isinstance(value, float) or math.isfinite(value)


def canonical(value: object) -> str:
    """Return JSON in the one form that is hashed: sorted keys, no spaces, UTF-8 as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(kind: str, content: Content, config: Mapping[str, Any]) -> str:
    """Return SHA-256, in hexadecimal, of what an application would be served."""
    return hashlib.sha256(canonical([kind, content, dict(config)]).encode()).hexdigest()


def as_text(content: Content) -> str:
    """Return the content as one text: messages under their roles."""
    if isinstance(content, str):
        return content
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in content)


def variables(content: Content) -> list[str]:
    """Return the names of the ``{{gaps}}``, each once, in order of appearance."""
    return list(dict.fromkeys(_VARIABLE.findall(as_text(content))))


def fill(content: Content, values: Mapping[str, object]) -> Content:
    """Return the content with its gaps filled. A gap without a value stays; values are never searched for gaps."""

    def filled(text: str) -> str:
        return _VARIABLE.sub(lambda gap: str(values.get(gap[1], gap[0])), text)

    if isinstance(content, str):
        return filled(content)
    return [{**message, "content": filled(message["content"])} for message in content]


def diff(before: Content, after: Content, *, context: int = 3) -> list[tuple[str, str]]:
    """Return the lines of a unified difference as (' ' | '+' | '-' | '@', text)."""
    lines = difflib.unified_diff(as_text(before).splitlines(), as_text(after).splitlines(), lineterm="", n=context)
    return [(line[0], line[1:] if line[0] != "@" else line) for line in lines if not line.startswith(("---", "+++"))]
