"""What improvements keep of a person, taken away: regression cases, what probes made of them, sessions as evidence."""

from __future__ import annotations

from django.db.models import F

from apps.improvements.models import Improvement, ProbeAnswer, ProbeCase, ProbeRun
from apps.improvements.services.regressions import probe_name
from apps.ingestion.domain.naming import without
from apps.ingestion.services.forgetting import Trace


def forget_cases(trace: Trace) -> int:
    """Delete the person's regression cases and what was asked of a model with them; return how many cases.

    A finished run keeps its summary, which counts. Call inside tenant(...).
    """
    cases = list(ProbeCase.objects.filter(user_hash=trace.unit_hash))
    named = ProbeCase.objects.filter(session_id__in=trace.names)
    cases += [each for each in named if (each.application_id, each.session_id) in trace.sessions]
    for application_id in {each.application_id for each in cases}:
        names = {probe_name(each.text_hash) for each in cases if each.application_id == application_id}
        answers = ProbeAnswer.objects.filter(run__improvement__application_id=application_id, probe__in=names)
        for run_id in set(answers.values_list("run_id", flat=True)):
            run = ProbeRun.objects.select_for_update().get(id=run_id)
            gone = answers.filter(run_id=run_id).delete()[0]
            if run.state == ProbeRun.State.RUNNING:
                ProbeRun.objects.filter(id=run_id).update(calls=F("calls") - gone)
    return int(ProbeCase.objects.filter(id__in=[each.id for each in cases]).delete()[0])


def forget_evidence(trace: Trace) -> int:
    """Take the sessions out of what proposals rest on; return out of how many. Call inside tenant(...)."""
    if not trace.names:
        return 0
    rows = Improvement.objects.select_for_update().filter(finding__evidence__has_any_keys=list(trace.names))
    for improvement in rows:
        improvement.finding = improvement.finding | {"evidence": without(improvement.finding["evidence"], trace.names)}
        improvement.save(update_fields=["finding"])
    return len(rows)
