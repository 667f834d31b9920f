"""Conditions over metrics: ``security_incidents > 5 and not upsell_rate >= 20%``.

A real grammar, parsed into a tree; nothing is ever evaluated as code:

    expression = term { "or" term }        term = factor { "and" factor }
    factor     = "not" factor | "(" expression ")" | metric comparison value | flag
    comparison = < <= > >= = == !=          value = number | number % | $ number

Three-valued: a metric with too little data is unknown, and an unknown condition is neither true nor false, so that
nothing fires on it (Kleene's strong logic).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+−]?\$?\d+(?:\.\d+)?\s*%?)|(?P<comparison><=|>=|==|!=|<|>|=)"
    r"|(?P<bracket>[()])|(?P<word>[A-Za-z_][A-Za-z0-9_.]*))"
)
_LONGEST = 1000
_DEEPEST = 50
Comparison = Literal["<", "<=", ">", ">=", "==", "!="]


class BadExpression(ValueError):
    """The expression cannot be read. ``column`` counts from 1."""

    def __init__(self, detail: str, column: int) -> None:
        super().__init__(f"column {column}: {detail}")
        self.column = column


@dataclass(frozen=True)
class Condition:
    """``metric comparison value``; a bare name is true when its value is not 0. Percents are fractions."""

    metric: str
    comparison: Comparison
    value: float


@dataclass(frozen=True)
class Not:
    """True when what is inside is false."""

    inside: Expression


@dataclass(frozen=True)
class Both:
    """True when both sides are."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Either:
    """True when a side is."""

    left: Expression
    right: Expression


Expression = Condition | Not | Both | Either


def parse(text: str, *, metrics: frozenset[str]) -> Expression:
    """Return the tree of an expression over these metrics. Raises BadExpression with the column."""
    return _Parser(text, metrics).parse()


def evaluate(expression: Expression, values: Mapping[str, float | None]) -> bool | None:
    """Return whether the expression holds; None where it cannot be known."""
    if isinstance(expression, Condition):
        value = values.get(expression.metric)
        return None if value is None else _compare(value, expression.comparison, expression.value)
    if isinstance(expression, Not):
        inside = evaluate(expression.inside, values)
        return None if inside is None else not inside
    sides = {evaluate(expression.left, values), evaluate(expression.right, values)}
    if isinstance(expression, Both):
        return False if False in sides else None if None in sides else True
    return True if True in sides else None if None in sides else False


def metrics_in(expression: Expression) -> frozenset[str]:
    """Return the metrics an expression reads."""
    if isinstance(expression, Condition):
        return frozenset({expression.metric})
    if isinstance(expression, Not):
        return metrics_in(expression.inside)
    return metrics_in(expression.left) | metrics_in(expression.right)


def _compare(value: float, comparison: Comparison, other: float) -> bool:
    return {
        "<": value < other,
        "<=": value <= other,
        ">": value > other,
        ">=": value >= other,
        "==": value == other,
        "!=": value != other,
    }[comparison]


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, metrics: frozenset[str]) -> None:
        self._metrics = metrics
        self._tokens = _tokenize(text)
        self._place = 0
        self._end = len(text) + 1

    def parse(self) -> Expression:
        if not self._tokens:
            raise BadExpression("the expression is empty", 1)
        expression = self._either(0)
        if self._place < len(self._tokens):
            _, text, column = self._tokens[self._place]
            raise BadExpression(f"{text!r} is not expected here", column)
        return expression

    def _either(self, depth: int) -> Expression:
        left = self._both(depth)
        while self._take("word", "or"):
            left = Either(left, self._both(depth))
        return left

    def _both(self, depth: int) -> Expression:
        left = self._factor(depth)
        while self._take("word", "and"):
            left = Both(left, self._factor(depth))
        return left

    def _factor(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise BadExpression("brackets are nested too deeply", self._column())
        if self._take("word", "not"):
            return Not(self._factor(depth + 1))
        if self._take("bracket", "("):
            inside = self._either(depth + 1)
            if not self._take("bracket", ")"):
                raise BadExpression("a bracket is not closed", self._column())
            return inside
        return self._condition()

    def _condition(self) -> Condition:
        column = self._column()
        kind, name = self._next("a metric")
        if kind != "word":
            raise BadExpression(f"a metric is expected, not {name!r}", column)
        if name not in self._metrics:
            raise BadExpression(f"there is no metric {name!r}", column)
        if self._place >= len(self._tokens) or self._tokens[self._place][0] != "comparison":
            return Condition(name, "!=", 0.0)
        _, comparison = self._next("a comparison")
        column = self._column()
        kind, text = self._next("a number")
        if kind != "number":
            raise BadExpression(f"a number, a percentage or an amount is expected, not {text!r}", column)
        return Condition(name, "==" if comparison == "=" else comparison, _number(text))  # type: ignore[arg-type]

    def _take(self, kind: str, text: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place][:2] == (kind, text):
            self._place += 1
            return True
        return False

    def _next(self, expected: str) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise BadExpression(f"{expected} is expected at the end", self._end)
        kind, text, _ = self._tokens[self._place]
        self._place += 1
        return kind, text

    def _column(self) -> int:
        return self._tokens[self._place][2] if self._place < len(self._tokens) else self._end


def _tokenize(text: str) -> list[tuple[str, str, int]]:
    if len(text) > _LONGEST:
        raise BadExpression(f"an expression has at most {_LONGEST} characters", _LONGEST)
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            column = place + len(text[place:]) - len(text[place:].lstrip()) + 1
            raise BadExpression(f"{text[column - 1]!r} cannot be read", column)
        kind = str(match.lastgroup)
        tokens.append((kind, match.group(kind), match.start(kind) + 1))
        place = match.end()
    return tokens


def _number(text: str) -> float:
    bare = text.replace("−", "-").replace("$", "").replace(" ", "")
    return float(bare[:-1]) / 100 if bare.endswith("%") else float(bare)
