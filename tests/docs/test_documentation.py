"""What README and docs tell people to type exists: commands parse, make targets, addresses and links are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve

from flywheel.cli.main import build_parser

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
IN_CODE = re.compile(r"^(?: {4}|\$ )(.+)$|`([^`\n]+)`", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[(`;&] ?|\$ )(?:\.venv/bin/)?flywheel ((?:[^|&;)`#\n]|\\\n)+)")
ADDRESS = re.compile(r"(?:127\.0\.0\.1:8000|(?:GET|POST|PUT) )(/api/[^\s`\"'|?]+)")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)\)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
TARGET = re.compile(r"^(?: {4}|.*`)make ([a-z-]+)", re.MULTILINE)


def joined(page: Path) -> str:
    """The page with continued lines in one."""
    return re.sub(r" *\\\n +", " ", page.read_text("utf-8"))


def commands(page: Path) -> list[str]:
    code = ["".join(found) for found in IN_CODE.findall(joined(page))]
    found = [match.strip() for text in code for match in COMMAND.findall(text)]
    # One word alone names a command ("`flywheel analyze` reports …"): it need not be complete.
    return [command.split("   ")[0] for command in found]


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_parses(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(page):
        arguments = shlex.split(command)
        arguments += ["--help"] * (len(arguments) == 1)
        try:
            build_parser().parse_args(arguments)
        except SystemExit as exit_code:
            asked_for_help = exit_code.code == 0
            assert asked_for_help, f"flywheel {command}: {capsys.readouterr().err}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_address_is_one_of_the_api(page: Path) -> None:
    missing = []
    for address in ADDRESS.findall(joined(page)):
        try:
            resolve(address.rstrip(".,:"))
        except Resolver404:
            missing.append(address)

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_make_target_exists(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert set(TARGET.findall(page.read_text("utf-8"))) <= known


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = TEST.findall(page.read_text("utf-8"))

    missing = [name for file, name in named if f"def {name}(" not in (ROOT / file).read_text("utf-8")]

    assert missing == []
    assert len(named) > 30 or page.name != "reliability.md"


def test_the_guide_was_read_at_all() -> None:
    told = {command.split()[0] for page in PAGES for command in commands(page)}

    assert {"up", "demo", "analyze", "createkey", "createuser", "doctor"} <= told
    assert sum(len(ADDRESS.findall(joined(page))) for page in PAGES) >= 10
