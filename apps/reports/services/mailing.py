"""A report in the executives' mail: the headline, what changed, the PDF. Once to each."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage

from apps.organizations.models import Membership, Organization
from apps.organizations.selectors import members_of
from apps.platform import clock
from apps.platform.tenancy import tenant
from apps.reports.domain.periods import named
from apps.reports.models import Delivery, Report
from apps.reports.selectors.reports import find_report


def send(*, organization: Organization, report_id: str) -> int:
    """Mail a ready report to every executive who has not had it; return how many. Not inside tenant(...)."""
    with tenant(organization.id):
        report = find_report(report_id)
        if report is None or report.status != Report.Status.READY:
            return 0
        had = set(Delivery.objects.filter(report=report).values_list("email", flat=True))
    executives = [
        each.user.email for each in members_of(organization_id=organization.id)
        if each.role == Membership.Role.EXECUTIVE and each.user.email
    ]  # fmt: skip
    waiting = [email for email in executives if email not in had]
    if not waiting:
        return 0
    for email in waiting:
        # The mail leaves outside any transaction; a worker that dies right after it may send this one twice.
        _message(report, organization, email).send()
        with tenant(organization.id):
            Delivery.objects.get_or_create(
                organization_id=organization.id, report=report, email=email, defaults={"sent_at": clock.wall()}
            )
    return len(waiting)


def _message(report: Report, organization: Organization, email: str) -> EmailMessage:
    content = report.content or {}
    # Headers are one line, whatever an organization calls itself.
    name, period = " ".join(organization.name.split()), named(report.kind, report.period)
    said = [content.get("headline") or "Nothing can be added up yet:", *content.get("missing", [])[:5]]
    if content.get("before"):
        said.append(content["before"]["words"])
    body = "\n".join([*said, "", f"{settings.SITE_URL}/roi/reports/{report.public_id}/"])
    message = EmailMessage(f"{name}: return on the wheel, {period}", body, None, [email])
    message.attach(f"roi-{report.period.replace('/', '-')}.pdf", bytes(report.pdf or b""), "application/pdf")
    return message
