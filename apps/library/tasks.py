"""The library's work, as Celery sees it."""

from __future__ import annotations

from apps.library.services import backtesting, templates, watching
from apps.platform import work


def _backtest_parked(*, organization_id: int, key: str) -> None:
    backtesting.fail(organization_id=organization_id, backtest_id=key)


@work.performs("library.backtest", time_limit=600, on_parked=_backtest_parked)
def backtest(*, organization_id: int, key: str) -> None:
    """Go on with a backtest."""
    backtesting.go_on(organization_id=organization_id, backtest_id=key)


@work.performs("library.watch_guardrail", time_limit=600)
def watch_guardrail(*, organization_id: int, key: str) -> None:
    """Look at what a guardrail in force does; switch it off where it blocks the harmless."""
    watching.watch(organization_id=organization_id, activation_id=int(key))


@work.performs(templates.KIND, time_limit=600)
def propose_templates(*, organization_id: int, key: str) -> None:
    """Look through an application's conversations for replies worth keeping."""
    templates.propose_templates(organization_id=organization_id, application_id=int(key))
