"""The doctor on the suite's own servers, and on what is wrong with them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flywheel.cli.doctor import Check, examine
from flywheel.embedded import free_port


def found(data_dir: Path) -> dict[str, Check]:
    return {check.name: check for check in examine(data_dir)}


def admin_url() -> str:
    words = json.loads((Path(os.environ["FLYWHEEL_DATA_DIR"]) / "secrets.json").read_text())
    server = os.environ["DATABASE_URL"].rpartition("@")[2]
    return f"postgres://flywheel_admin:{words['flywheel_admin']}@{server}"


def test_servers_that_answer_are_healthy(tmp_path: Path, django_db_setup: None) -> None:
    checks = found(tmp_path)

    assert [check for check in checks.values() if not check.fine] == []
    assert "PostgreSQL 17" in checks["database"].detail
    assert {"run role", "owner role", "migrations", "broker"} <= set(checks)


def test_a_role_that_bypasses_row_security_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", admin_url())
    monkeypatch.delenv("MIGRATION_DATABASE_URL")

    check = found(tmp_path)["run role"]

    assert not check.fine
    assert "flywheel_admin is not under row security" in check.detail


def test_one_role_for_everything_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGRATION_DATABASE_URL")

    assert "row security is forced" in found(tmp_path)["owner role"].detail


def test_servers_that_do_not_answer_are_named_without_their_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("DATABASE_URL", f"postgres://somebody:hush@127.0.0.1:{port}/flywheel")
    monkeypatch.setenv("REDIS_URL", f"redis://:hush@127.0.0.1:{port}/0")

    checks = found(tmp_path)

    assert not checks["database"].fine
    assert not checks["broker"].fine
    assert f"127.0.0.1:{port}" in checks["database"].detail
    assert "hush" not in str(checks)


def test_a_product_that_does_not_answer_is_pointed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    (tmp_path / "running.json").write_text(json.dumps({"web_url": f"http://127.0.0.1:{free_port()}"}))

    check = found(tmp_path)["running"]

    assert not check.fine
    assert "web.log" in check.remedy
