"""One answer a key: while it is under way, after its process was killed, under another body, after its day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.organizations.models import Organization
from apps.platform import clock, idempotency
from apps.platform.api.problems import Problem
from apps.platform.idempotency import Answer, once
from apps.platform.models import IdempotencyRecord
from apps.platform.tenancy import tenant
from tests.factories import make_organization

pytestmark = pytest.mark.django_db


def ask(organization: Organization, *, answer: str = "first", body: bytes = b"a", endpoint: str = "logs") -> Answer:
    return once(
        organization_id=organization.id, endpoint=endpoint, key="k", body=body, work=lambda: Answer(202, {"is": answer})
    )


def refused(organization: Organization, **changes: bytes) -> tuple[int, str]:
    with pytest.raises(Problem) as raised:
        ask(organization, **changes)  # type: ignore[arg-type]
    return raised.value.status_code, raised.value.code


def test_a_repeat_while_the_first_is_under_way_is_told_to_wait() -> None:
    organization = make_organization()
    told: list[tuple[int, str]] = []

    def work() -> Answer:
        told.append(refused(organization))
        told.append(refused(organization, body=b"another"))
        return Answer(202, {"is": "first"})

    once(organization_id=organization.id, endpoint="logs", key="k", body=b"a", work=work)

    assert told == [(409, "in_progress"), (422, "idempotency_key_reused")]
    assert ask(organization, answer="second") == Answer(202, {"is": "first"}, replayed=True)


def test_a_killed_process_holds_its_key_for_a_minute_and_no_longer() -> None:
    organization = make_organization()
    ask(organization)
    with tenant(organization.id):
        IdempotencyRecord.objects.update(status=None, response=None)

    assert refused(organization) == (409, "in_progress")
    with tenant(organization.id):
        IdempotencyRecord.objects.update(lease_until=clock.wall() - timedelta(seconds=1))
    assert ask(organization, answer="second").body == {"is": "second"}


def test_a_key_is_another_one_elsewhere_and_after_a_day() -> None:
    organization, stranger = make_organization(), make_organization()
    ask(organization)

    assert ask(stranger, answer="theirs").body == {"is": "theirs"}
    assert ask(organization, answer="outcomes", endpoint="outcomes").body == {"is": "outcomes"}
    with tenant(organization.id):
        IdempotencyRecord.objects.update(created_at=clock.wall() - idempotency.KEPT)
    assert ask(organization, answer="next day", body=b"another").body == {"is": "next day"}
