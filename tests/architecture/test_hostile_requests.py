"""Every documented endpoint, tried with values nobody means: no fault of ours, and each refusal a whole problem."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from tests.factories import make_key, make_organization

pytestmark = pytest.mark.django_db

TEXTS = [
    "\x00", "a\x00b", "😀", "9" * 400, "-1", "1e999", "nan", "' OR 1=1", "../..", "%", "[", "x" * 1000,
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "2026-11-02T10:00:00", "W10",
    "WyIyMDI2LTExLTAyVDAwOjAwOjAwIiwxXQ", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5XQ",
]  # fmt: skip
OUTCOME = '{"session_id": "s", "metric": "m", "value": true, "id": "i", %s}'
BODIES = [
    "", "null", "[]", "{}", "true", "[" * 100_000, '{"a":' * 100_000, "[" * 200 + "]" * 200, "9" * 5000, "NaN", "1e999",
    r'"\ud800"', r'{"application": "\u0000"}', r'{"application": "\ud800"}', r'{"\u0000": 1}', '{"at": 1}',
    '{"at": "9999-12-31T23:59:59-14:00"}', '{"at": "0001-01-01T00:00:00+14:00"}',
    '{"application": "support", "sample": "nan"}', '{"application": "support", "sample": 1e308}',
    '{"application": "support", "since": "0001-01-01T00:00:00+14:00"}',
    OUTCOME % '"amount": "1e400"', OUTCOME % '"amount": "nan"', OUTCOME % '"timestamp": "9999-12-31T23:59:59-14:00"',
    '{"session_id": "s", "metric": "m", "value": true, "id": "%s"}' % ("9" * 400),
    '{"session_id": "%s", "metric": "m", "value": true, "id": "i"}' % ("s" * 9000),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # thousands of refusals
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def call(settings: Any) -> Any:
    """Returns answers to a method, an address and a body, by a key that may do everything."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, (1e6, 10**6))
    headers = {"Authorization": f"Bearer {make_key(make_organization(sandbox=True))}"}
    client = Client(raise_request_exception=False)

    def answer(method: str, url: str, body: str = "{}") -> Any:
        content = {} if method == "get" else {"data": body, "content_type": "application/json"}
        return getattr(client, method)(url, headers=headers, **content)

    return answer


def operations() -> list[tuple[str, str, list[dict[str, Any]]]]:
    paths = Client().get("/api/v1/openapi.json").json()["paths"]
    return [
        (method, path, operation.get("parameters", []))
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def fault(answer: Any) -> bool:
    """Say whether an answer is a fault of ours, or a refusal that is not a whole problem."""
    if answer.status_code < 400:
        return False
    if answer.status_code >= 500 or answer.headers["Content-Type"] != "application/problem+json":
        return True
    return not {"code", "detail", "request_id"} <= set(json.loads(answer.content))


def test_no_value_in_an_address_is_a_fault(call: Any) -> None:
    addresses = [
        (method, path.replace("{" + name + "}", quote(text, safe="")) if where == "path" else
         path.replace("{", "").replace("}", "") + "?" + urlencode({name: text}))
        for method, path, parameters in operations()
        for name, where in [(parameter["name"], parameter["in"]) for parameter in parameters]
        for text in TEXTS
    ]  # fmt: skip

    faults = [(method, url[:120]) for method, url in addresses if fault(call(method, url))]

    assert len(addresses) > 100
    assert faults == []


def test_no_body_is_a_fault(call: Any) -> None:
    writes = [(method, path) for method, path, _ in operations() if method != "get"]

    faults = [
        (method, path, body[:80])
        for method, path in writes
        for body in BODIES
        if fault(call(method, path.replace("{", "").replace("}", "") + "?application=support", body))
    ]

    assert len(writes) >= 5
    assert faults == []


def test_a_key_with_a_nul_is_refused_like_any_wrong_one() -> None:
    basic = base64.b64encode(b":fw_live_abc\x00efgh_secret").decode()

    assert Client().get("/api/v1/metrics", headers={"Authorization": f"Basic {basic}"}).status_code == 401


def test_an_unknown_address_of_the_api_is_a_problem_and_of_the_portal_a_page() -> None:
    answer = Client().get("/api/v1/nothing-here")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "text/html" in Client().get("/nothing-here/at-all").headers["Content-Type"]
