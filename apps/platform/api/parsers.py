"""JSON as it may enter: strict, of bounded depth, and nothing PostgreSQL cannot store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 64


class StrictJsonParser(BaseParser):
    """Reads a JSON body. NaN, lone surrogates, NUL and nesting over 64 levels are a 400 ``parse_error``."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            value = orjson.loads(stream.read())
        except ValueError as error:
            raise ParseError("The body is not JSON.") from error
        _check(value)
        return value


def _check(value: Any) -> None:
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                if "\x00" in item:
                    raise ParseError("The body holds a NUL.")
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
        level, depth = below, depth + 1
