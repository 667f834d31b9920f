"""Asking a language model: bounded, retried with growing pauses, and its answer read strictly."""

from __future__ import annotations

import random
import time
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec
import openai

from apps.platform.language_models.transport import GuardedTransport
from apps.platform.language_models.values import Answer, Endpoint, Failed, Question

ATTEMPTS = 4
_FIRST_PAUSE = 0.5
# A server that asks for a longer pause is left to the breaker: a worker does not sit and wait for it.
_LONGEST_PAUSE = 8.0
_LONGEST_ANSWER = 20_000


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    total_tokens: int


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class LanguageModel:
    """One endpoint, asked by any number of threads. A context manager: it keeps connections."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        http = httpx2.Client(
            transport=GuardedTransport(), timeout=endpoint.timeout, trust_env=False, follow_redirects=False
        )
        # The package insists on a key; a local model has none.
        self._client = openai.OpenAI(
            api_key=endpoint.api_key or "none", base_url=endpoint.base_url, http_client=http, max_retries=0
        )
        # Newer models call it max_completion_tokens; which name this one takes is learnt from its first refusal.
        self._limit = "max_tokens"

    def ask(self, question: Question) -> Answer:
        """Return the model's answer. Raises Failed, with ``down`` only after ATTEMPTS tries."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(question)
            except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError) as error:
                pause = _pause(error, attempt)
                if attempt == ATTEMPTS or pause is None:
                    raise Failed("down", _words(error)) from error
                time.sleep(pause)
            except openai.APIStatusError as error:
                if error.code == "content_filter":
                    return Answer("", filtered=True)
                raise Failed("refused", _words(error)) from error
            except openai.OpenAIError as error:
                raise Failed("garbage", "what the endpoint answers is no completion") from error
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _once(self, question: Question) -> Answer:
        try:
            return self._send(question)
        except openai.BadRequestError as error:
            if error.param != "max_tokens" or self._limit != "max_tokens":
                raise
            self._limit = "max_completion_tokens"
            return self._send(question)

    def _send(self, question: Question) -> Answer:
        asked: dict[str, Any] = {
            "model": self._endpoint.model, "messages": list(question.messages), self._limit: question.most_tokens,
            **question.parameters,
        }  # fmt: skip
        if question.schema is not None:
            name, schema = question.schema
            asked["response_format"] = {
                "type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True},
            }  # fmt: skip
        raw = self._client.chat.completions.with_raw_response.create(**asked)
        return _read(raw.http_response.content)


def _read(body: bytes) -> Answer:
    """Return what a completion says. Raises Failed for anything else, an empty one included."""
    try:
        completion = msgspec.json.decode(body, type=_Completion)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failed("garbage", "what the endpoint answers is no completion") from error
    tokens = completion.usage.total_tokens if completion.usage is not None else None
    first = completion.choices[0] if completion.choices else None
    text = (first.message.content or first.message.refusal or "").strip() if first else ""
    filtered = first is not None and first.finish_reason == "content_filter"
    if (not text and not filtered) or (tokens is not None and tokens < 0):
        raise Failed("garbage", "the completion is empty")
    return Answer(text[:_LONGEST_ANSWER].replace("\x00", ""), tokens, filtered)


def _pause(error: openai.APIError, attempt: int) -> float | None:
    """Return how long to wait before the next attempt; None where it would be too long."""
    wanted = 0.0
    if isinstance(error, openai.APIStatusError):
        try:
            wanted = float(error.response.headers.get("retry-after", 0))
        except ValueError:
            wanted = 0.0
    if not 0 <= wanted <= _LONGEST_PAUSE:
        return None
    # Half of the pause is drawn, so that workers that failed together do not come back together.
    grown: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
    return max(wanted, grown * random.uniform(0.5, 1.0))  # noqa: S311


def _words(error: openai.APIError) -> str:
    if isinstance(error, openai.APITimeoutError):
        return "the model did not answer in time"
    if isinstance(error, openai.APIConnectionError):
        return f"the model cannot be reached: {error.__cause__ or 'no connection'}"[:200]
    status = error.status_code if isinstance(error, openai.APIStatusError) else 0
    return f"the endpoint answers {status}"
