"""The API called with whatever its own description allows: no fault of ours, and no answer it does not describe."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case

from apps.organizations.models import ApiKey
from tests.architecture.test_hostile_requests import fault
from tests.factories import make_application, make_key, make_organization

pytestmark = pytest.mark.django_db
# The same examples each time: a new one would fail the change of somebody who has nothing to do with it.
BOUNDED = settings(
    max_examples=6, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def describe() -> Any:
    return schemathesis.openapi.from_dict(Client().get("/api/v1/openapi.json").json())


def send(case: Case, key: str) -> Any:
    """Send what was made up, as the description says it is sent."""
    body, kind = case.body, case.media_type or "application/json"
    if not isinstance(body, str | bytes):
        body = json.dumps(body) if isinstance(body, dict | list | int | float | bool | None) else ""
    return Client(raise_request_exception=False).generic(
        case.method, case.formatted_path, body if case.method != "GET" else "", content_type=kind,
        query_params=dict(case.query or {}), headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip


def examine(operation: Any, key: str) -> list[tuple[str, str, int]]:
    """Return the answers to an operation that are faults of ours, or successes that it does not describe."""
    described = {int(status) for status in operation.definition.raw["responses"] if status.isdigit()}
    wrong = []

    @BOUNDED
    @given(case=operation.as_strategy())
    def call(case: Case) -> None:
        answer = send(case, key)
        if fault(answer) or (answer.status_code < 400 and answer.status_code not in described):
            wrong.append((case.method, case.formatted_path[:100], answer.status_code))

    call()
    return wrong


def test_whatever_the_description_allows_is_answered_as_it_says(settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, (1e6, 10**6))
    organization = make_organization(sandbox=True)
    make_application(organization)
    key = make_key(organization, *ApiKey.Scope.values)
    operations = [found.ok() for found in describe().get_all_operations()]

    wrong = [each for operation in operations for each in examine(operation, key)]

    assert len(operations) > 50
    assert wrong == []
