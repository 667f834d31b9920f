"""Compression: pages as they are sent, files when they are collected; the API's answers stay as they are."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

ACCEPTING = {"Accept-Encoding": "gzip"}


@pytest.mark.django_db
def test_pages_are_compressed_for_who_takes_it() -> None:
    answer, plain = Client().get("/accounts/login/", headers=ACCEPTING), Client().get("/accounts/login/")

    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"csrfmiddlewaretoken" in gzip.decompress(answer.content)
    assert len(answer.content) < len(plain.content) / 2
    assert "Content-Encoding" not in plain.headers


@pytest.mark.django_db
def test_answers_of_the_api_are_not() -> None:
    assert "Content-Encoding" not in Client().get("/api/v1/openapi.json", headers=ACCEPTING).headers


def test_collected_files_have_a_twin_that_is_made_again_only_when_they_change(settings: Any, tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "root"
    source.mkdir()
    (source / "page.css").write_text("a { color: red; }\n" * 200)
    settings.STATICFILES_DIRS, settings.STATIC_ROOT = [source], root
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]

    call_command("collectstatic", interactive=False, verbosity=0)
    twin = root / "page.css.gz"
    first = twin.stat().st_mtime_ns
    call_command("collectstatic", interactive=False, verbosity=0)

    assert twin.stat().st_mtime_ns == first
    assert gzip.decompress(twin.read_bytes()) == (source / "page.css").read_bytes()

    (source / "page.css").write_text("a { color: blue; }\n" * 200)
    os.utime(source / "page.css", ns=(first + 10**10, first + 10**10))
    call_command("collectstatic", interactive=False, verbosity=0)
    assert b"blue" in gzip.decompress(twin.read_bytes())
    assert not list(root.glob("*.br"))
