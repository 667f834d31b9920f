"""A prompt as a file for git: YAML that diffs well, with the version it was written from.

A text stands as a block, so that a changed line is a changed line. What a file cannot say (history, who wrote what)
stays in the library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from apps.library.domain.prompts import BadPrompt, Content, check_config, check_content, check_name

_KEYS = ("name", "type", "version", "labels", "description", "tags", "config", "prompt")
_LONGEST = 1_000_000


@dataclass(frozen=True)
class PromptFile:
    """What a file says. ``version`` is the one it was written from; None for a prompt that is new."""

    name: str
    type: str
    content: Content
    version: int | None = None
    labels: tuple[str, ...] = ()
    description: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)


def write_file(prompt: PromptFile) -> str:
    """Return the file's text; reading it gives the same prompt."""
    told = {
        "name": prompt.name, "type": prompt.type, "version": prompt.version, "labels": list(prompt.labels),
        "description": prompt.description, "tags": list(prompt.tags), "config": prompt.config,
        "prompt": prompt.content,
    }  # fmt: skip
    kept = {key: value for key, value in told.items() if value not in (None, "", [], {})}
    return yaml.dump(kept, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def read_file(text: str) -> PromptFile:
    """Return the prompt a file holds. Raises BadPrompt with the line where YAML has one."""
    if len(text) > _LONGEST:
        raise BadPrompt(f"a prompt's file has at most {_LONGEST:,} characters")
    try:
        told = yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader that also refuses aliases
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadPrompt(f"line {mark.line + 1 if mark else 1}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadPrompt(f"not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(told, dict):
        raise BadPrompt("a prompt's file is a mapping with at least 'name' and 'prompt'")
    if unknown := [str(key) for key in told if key not in _KEYS]:
        raise BadPrompt(f"unknown key {unknown[0]!r}; there are {', '.join(_KEYS)}")
    kind, version, description = told.get("type", "text"), told.get("version"), told.get("description", "")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 1):
        raise BadPrompt("version is the number of the version it was written from")
    if not isinstance(description, str):
        raise BadPrompt("description is a text")
    return PromptFile(
        name=check_name(told.get("name")),
        type=str(kind),
        content=check_content(str(kind), told.get("prompt")),
        version=version,
        labels=_words(told, "labels"),
        description=description,
        tags=_words(told, "tags"),
        config=check_config(told.get("config", {})),
    )


def _words(told: dict[str, Any], key: str) -> tuple[str, ...]:
    words = told.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadPrompt(f"{key} is a list of words")
    return tuple(words)


class _Loader(yaml.SafeLoader):
    """Nothing small unfolds into something large: aliases are refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*) are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as blocks."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
