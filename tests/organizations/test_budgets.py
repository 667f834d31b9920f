"""What asking a model may cost holds, however many workers ask at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connections

from apps.organizations.models import ModelSpending
from apps.organizations.services import endpoints
from apps.platform.tenancy import tenant
from tests.factories import AT, make_organization
from tests.organizations.test_models import make_model


def test_workers_together_never_set_aside_more_than_a_days_budget(committed: None) -> None:
    organization = make_organization()
    endpoint = make_model(organization, tokens_per_day=1_000)

    def take(_: int) -> bool:
        try:
            with tenant(organization.id):
                return endpoints.charge(endpoint, tokens=300, at=AT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        taken = sum(pool.map(take, range(12)))

    assert taken == 3
    with tenant(organization.id):
        endpoints.refund(endpoint, tokens=250, at=AT)
        assert endpoints.charge(endpoint, tokens=300, at=AT)
        assert ModelSpending.objects.get().tokens == 950
        assert endpoints.charge(endpoint, tokens=300, at=AT + timedelta(days=1))
