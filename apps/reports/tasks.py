"""The reports' work, as Celery sees it."""

from celery import shared_task

from apps.organizations.models import Organization
from apps.platform import clock, work
from apps.platform.tenancy import tenant
from apps.reports.services import filling, mailing, reporting, scheduling, valuing


@work.performs("reports.fill", time_limit=600)
def fill(*, organization_id: int, key: str) -> None:
    """Fill the organization's ledger, and value it."""
    organization = Organization.objects.get(id=organization_id)
    at = clock.now(organization)
    with tenant(organization_id):
        filling.fill(organization=organization, at=at)
        valuing.value_all(organization=organization, at=at)
        scheduling.ensure_schedules(organization=organization, at=at)


def _mark_failed(*, organization_id: int, key: str) -> None:
    with tenant(organization_id):
        reporting.mark_failed(report_id=key)


@work.performs("reports.write", time_limit=600, on_parked=_mark_failed)
def write(*, organization_id: int, key: str) -> None:
    """Write the report that was asked for, and freeze it."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        reporting.write(organization=organization, report_id=key, at=clock.now(organization))


@work.performs("reports.mail", time_limit=300)
def mail(*, organization_id: int, key: str) -> None:
    """Mail a report to those who have not had it."""
    mailing.send(organization=Organization.objects.get(id=organization_id), report_id=key)


@shared_task(name="reports.start_due", time_limit=60)
def start_due() -> None:
    """Ask for the reports whose month or quarter has ended."""
    scheduling.start_due(at=clock.wall())
