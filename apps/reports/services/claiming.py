"""No benefit is counted twice: a prompt's conversations are dealt out among the lines that hold over them.

A prompt's conversations stand in twelve parts of equal size (those whose keyed digest falls there). For a metric and a
month each part is one line's, which the database holds to; lines that overlap so split what there is.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from decimal import ROUND_DOWN, Decimal

from apps.organizations.models import Application, Organization
from apps.reports.models import BenefitLine, Claim

# Divides evenly among one, two, three, four, six and twelve.
PARTS = 12


def claim_all(*, organization: Organization, application: Application) -> None:
    """Deal out the claims of an application's lines anew, and write the share each holds. Call inside tenant(...)."""
    lines = BenefitLine.objects.filter(application=application, not_counted="", effect__isnull=False).exclude(grade="D")
    overlapping: dict[tuple[str, str, str], list[BenefitLine]] = defaultdict(list)
    for line in lines.order_by("decided_at", "source_id"):
        overlapping[line.metric, line.period, line.scope].append(line)
    Claim.objects.filter(application=application).delete()
    claims, changed = [], []
    for (metric, period, scope), claimants in overlapping.items():
        for place, line in enumerate(claimants):
            parts = range(place, PARTS, len(claimants))
            claims += [
                Claim(organization_id=organization.id, application=application, metric=metric, period=period,
                      scope_hash=part_of(scope, part), line=line)
                for part in parts
            ]  # fmt: skip
            # Never rounded up: what all hold together is at most the whole.
            share = (Decimal(len(parts)) / PARTS).quantize(Decimal("0.0001"), ROUND_DOWN)
            if line.share != share:
                line.share = share
                changed.append(line)
    Claim.objects.bulk_create(claims, batch_size=1000)
    BenefitLine.objects.bulk_update(changed, ["share"], batch_size=500)


def part_of(scope: str, part: int) -> str:
    """Return the name of a part of a scope's conversations."""
    return hashlib.sha256(f"{scope}\n{part}".encode()).hexdigest()[:32]
