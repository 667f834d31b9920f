"""An application's configuration: checked to the line, kept in versions, and put on the schedule."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from apps.cycles.domain.configuration import Configuration, read_configuration
from apps.cycles.domain.schedules import next_slot
from apps.cycles.models import CycleConfig, Schedule
from apps.cycles.selectors import written_configuration
from apps.experiments.domain.criteria import BadCriterion, read_criterion
from apps.ingestion.selectors import watched_sources
from apps.ingestion.services import watching
from apps.organizations.models import Application, Organization
from apps.organizations.services import record_audit, set_retention
from apps.platform import clock
from apps.platform.documents import BadDocument, Fault


def check_configuration(text: str) -> Configuration:
    """Return what the text says. Raises BadDocument, also for what this server would not do."""
    found = read_configuration(text)
    faults = []
    for each in found.deploy.success:
        try:
            read_criterion(each.text)
        except BadCriterion as error:
            faults.append(Fault(each.line, f"{each.text!r}: {error}; an experiment measures this arm by arm"))
    if found.capture.source is not None and not settings.CAPTURE_ROOT:
        faults.append(Fault(found.lines["capture"], "this server reads no files: push the logs to POST /api/v1/logs"))
    if faults:
        raise BadDocument(faults)
    return found


def save_configuration(
    *, organization: Organization, application: Application, text: str, at: datetime, actor: str
) -> CycleConfig:
    """Keep a new version and schedule its first turn; the same text again changes nothing. Call inside tenant(...).

    Raises BadDocument.
    """
    found = check_configuration(text)
    # Two savers of one application take turns here.
    application = Application.objects.select_for_update().get(id=application.id)
    newest = written_configuration(application)
    if newest is not None and newest.text == text:
        _look_again(application)
        return newest
    saved: CycleConfig = CycleConfig.objects.create(
        organization=organization,
        application=application,
        version=newest.version + 1 if newest is not None else 1,
        text=text,
        saved_by=actor,
        saved_at=at,
    )
    record_audit(
        organization_id=organization.id, at=at, actor=actor, action="cycle.configured", subject=application.slug,
        version=saved.version,
    )  # fmt: skip
    _schedule(organization, application, found.cron)
    watching.watch(application=application, glob=found.capture.source, format_name=found.capture.format)
    set_retention(application=application, days=found.capture.retention_days, at=at, actor=actor)
    return saved


def _look_again(application: Application) -> None:
    """Saving what is saved already is how one asks for another look at files whose looking was given up."""
    for source in watched_sources(application_id=application.id):
        watching.look_soon(source)


def _schedule(organization: Organization, application: Application, cron: str) -> None:
    Schedule.objects.update_or_create(
        organization=organization,
        application=application,
        defaults={
            "cron": cron,
            "zone": organization.zone,
            "next_run_at": next_slot(cron, organization.zone, clock.now(organization)),
        },
    )
