"""Analysis' work, as Celery sees it."""

from datetime import date

from apps.evaluations.services import assessing, rollups, runs, threat_patterns, topic_days, topics
from apps.platform import work


@work.performs("evaluations.assess_batch")
def assess_batch(*, organization_id: int, key: str) -> None:
    """Assess what one batch brought."""
    assessing.assess_batch(organization_id=organization_id, batch_id=key, gives_way=True)


@work.performs("evaluations.assess_stale")
def assess_stale(*, organization_id: int, key: str) -> None:
    """Assess what changed in one application."""
    assessing.assess_stale(organization_id=organization_id, application_id=int(key), gives_way=True)


@work.performs("evaluations.assess_one")
def assess_one(*, organization_id: int, key: str) -> None:
    """Assess one conversation that failed before."""
    assessing.assess_one(organization_id=organization_id, conversation_id=int(key))


@work.performs("evaluations.run")
def run(*, organization_id: int, key: str) -> None:
    """Go on with an evaluation run."""
    runs.go_on(organization_id=organization_id, run_id=key)


@work.performs("evaluations.settle")
def settle(*, organization_id: int, key: str) -> None:
    """Assess again what time has settled in one application."""
    assessing.settle(organization_id=organization_id, application_id=int(key))


@work.performs("evaluations.roll_up")
def roll_up(*, organization_id: int, key: str) -> None:
    """Tally one day of one application again."""
    application_id, day = key.split(":")
    rollups.roll_up(organization_id=organization_id, application_id=int(application_id), day=date.fromisoformat(day))


@work.performs("evaluations.find_patterns", time_limit=600)
def find_patterns(*, organization_id: int, key: str) -> None:
    """Look for new attack patterns in one application's traffic."""
    threat_patterns.propose_patterns(organization_id=organization_id, application_id=int(key))


@work.performs("evaluations.find_topics", time_limit=600)
def find_topics(*, organization_id: int, key: str) -> None:
    """Give one application's conversations their topics; find these anew when that is due."""
    topics.find_topics(organization_id=organization_id, application_id=int(key))


@work.performs("evaluations.count_topics")
def count_topics(*, organization_id: int, key: str) -> None:
    """Count one day of one application by topic again."""
    application_id, day = key.split(":")
    topic_days.count_topics(
        organization_id=organization_id, application_id=int(application_id), day=date.fromisoformat(day)
    )
