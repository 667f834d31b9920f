"""What the ledger comes to now: simulated by workers, stored for whoever reads. The web process never simulates."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from apps.organizations.models import Application, Organization
from apps.organizations.selectors import list_applications
from apps.reports.domain.content import Content, make_content
from apps.reports.domain.ledger import assemble
from apps.reports.models import Valuation
from apps.reports.selectors.ledger import read_book

SEED = 1
DRAWS = 20_000


def value_all(*, organization: Organization, at: datetime) -> None:
    """Store what the ledger comes to, of all applications together and of each. Call inside tenant(...)."""
    applications: list[Application | None] = [None, *list_applications()]
    for application in applications:
        Valuation.objects.update_or_create(
            organization_id=organization.id,
            application=application,
            defaults={
                "content": compute(organization=organization, application=application, at=at),
                "computed_at": at,
            },
        )


def compute(*, organization: Organization, application: Application | None, at: datetime) -> Content:
    """Return what the ledger comes to, simulated anew. Only workers call it. Inside tenant(...)."""
    # numpy is the workers' library: whoever merely imports this module does not load it.
    from apps.reports.domain.roi.simulating import simulate

    book = read_book(organization=organization, application=application, at=at)
    assembled = assemble(book)
    simulation = None
    if assembled.model is not None and book.currency:
        simulation = simulate(assembled.model, seed=SEED, draws=DRAWS)
    return make_content(book, assembled, simulation, code=code_version(), as_of=at.isoformat())


@cache
def code_version() -> str:
    """Return the product's version and a digest of the code that values: the same figures come from the same code."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parents[1] / "domain").rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{version('flywheel')}+{digest.hexdigest()[:12]}"
