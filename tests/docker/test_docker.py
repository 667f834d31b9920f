"""The container set-up, checked as far as that goes without an engine: files, variables, commands, the roles."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django.conf import settings

from flywheel.embedded.environment import load_secrets
from flywheel.embedded.postgres import Postgres
from flywheel.embedded.supervisor import product_children

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
COMPOSE = (ROOT / "docker" / "compose.yaml").read_text("utf-8")
EXAMPLE = (ROOT / "docker" / "example.env").read_text("utf-8")
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
OURS = ("provision", "web", "worker", "beat")


def instructions() -> list[list[str]]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return [shlex.split(line) for line in joined.splitlines() if line and not line.startswith("#")]


def test_everything_the_image_copies_is_there_and_not_ignored() -> None:
    ignore = (ROOT / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    copied = [words[1:-1] for words in instructions() if words[0] == "COPY" and not words[1].startswith("--from")]

    sources = [source for sources in copied for source in sources]

    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert {source.split("/")[0] for source in sources} == kept


def test_the_image_does_not_run_as_root() -> None:
    assert [words[1] for words in instructions() if words[0] == "USER"][-1] == "flywheel"


def test_every_setting_that_compose_passes_is_read_by_the_settings() -> None:
    read = set(re.findall(r"env\.\w+\(\"([A-Z_]+)\"", (ROOT / "flywheel" / "settings.py").read_text("utf-8")))
    passed = {name for service in OURS for name in SERVICES[service]["environment"]}

    assert passed - read == set()
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FLYWHEEL_DATA_KEY"} <= passed


def test_the_owners_password_is_known_to_the_migration_alone() -> None:
    knowing = {name for name, service in SERVICES.items() if "OWNER_PASSWORD" in str(service)}

    assert knowing == {"provision", "postgres"}


def test_the_example_names_every_variable_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))

    assert set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE)) == asked


def test_the_commands_are_those_of_the_supervisor() -> None:
    children = {
        child.name: child.command
        for child in product_children(bind="0.0.0.0:8000", port=8000, workers=2, data_dir=Path("/data"))
    }
    web = next(words for words in instructions() if words[0] == "CMD")
    gunicorn = yaml.safe_load(DOCKERFILE[DOCKERFILE.rindex("CMD") :].removeprefix("CMD "))
    queues = set(SERVICES["worker"]["command"][SERVICES["worker"]["command"].index("-Q") + 1].split(","))

    assert set(gunicorn[1:]) <= set(children["web"]), web
    assert queues == {
        settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values()),
    }  # fmt: skip
    assert set(SERVICES["beat"]["command"][1:4]) <= set(children["beat"])


def test_nothing_starts_before_what_it_needs() -> None:
    for name in ("web", "worker", "beat"):
        assert SERVICES[name]["depends_on"]["provision"]["condition"] == "service_completed_successfully"
    assert SERVICES["provision"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert set(SERVICES) == {*OURS, "postgres", "valkey"}


@pytest.fixture
def bare_server() -> Iterator[Postgres]:
    """A PostgreSQL as the image starts it: a superuser, and nothing of ours."""
    with tempfile.TemporaryDirectory(prefix="flywheel-docker-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        server = Postgres(Path(directory), load_secrets(Path(directory)))
        server.start()
        with psycopg.connect(server._admin(), autocommit=True) as connection:
            connection.execute("DROP DATABASE flywheel")
            connection.execute("DROP ROLE flywheel_owner, flywheel_run")
        yield server
        server.stop()


@pytest.mark.services
def test_the_roles_script_makes_what_the_product_migrates_and_runs_with(bare_server: Postgres) -> None:
    words = {"FLYWHEEL_OWNER_PASSWORD": "owner'word", "FLYWHEEL_RUN_PASSWORD": "run-word"}
    connection = {
        "PGHOST": "127.0.0.1", "PGPORT": str(bare_server.port), "POSTGRES_USER": "flywheel_admin",
        "PGPASSWORD": bare_server.passwords["flywheel_admin"],
        "PATH": f"{bare_server.binaries / 'bin'}:{os.environ['PATH']}",
    }  # fmt: skip
    url = f"@127.0.0.1:{bare_server.port}/flywheel"
    product = {
        **os.environ, "DATABASE_URL": f"postgres://flywheel_run:run-word{url}",
        "MIGRATION_DATABASE_URL": f"postgres://flywheel_owner:owner%27word{url}",
    }  # fmt: skip

    subprocess.run([ROOT / "docker" / "postgres-roles.sh"], env=os.environ | connection | words, check=True)
    subprocess.run([sys.executable, "manage.py", "provision", "--verbosity", "0"], cwd=ROOT, env=product, check=True)

    with psycopg.connect(product["DATABASE_URL"]) as run:
        assert run.execute("SELECT count(*) FROM ingestion_message").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run.execute("CREATE TABLE mine (id int)")
