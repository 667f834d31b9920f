"""Files that are read as they grow: each line once, whatever happens to the file, and never one of somebody else's."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from django.test import Client

from apps.ingestion.models import Batch, CaptureFile, CaptureSource, Message
from apps.ingestion.services import storing, watching
from apps.organizations.models import Organization
from apps.platform.models import WorkItem
from apps.platform.tenancy import tenant
from tests.factories import make_application, make_key, make_organization
from tests.ingestion.test_logs_api import line

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization(tmp_path: Path, settings: object) -> Organization:
    settings.CAPTURE_ROOT = str(tmp_path)  # type: ignore[attr-defined]
    found = make_organization("acme")
    (tmp_path / "acme" / "logs").mkdir(parents=True)
    return found


@pytest.fixture
def logs(organization: Organization, tmp_path: Path) -> Path:
    return tmp_path / "acme" / "logs"


def watch(organization: Organization, glob: str = "logs/*.jsonl") -> CaptureSource:
    application = make_application(organization)
    with tenant(organization.id):
        source = watching.watch(application=application, glob=glob)
    assert source is not None
    return source


def look(source: CaptureSource) -> list[str]:
    """Look once, store what was accepted, and return every text there is."""
    watching.look(organization_id=source.organization_id, source_id=source.id)
    with tenant(source.organization_id):
        waiting = list(Batch.objects.filter(status="pending").values_list("public_id", flat=True))
    for batch_id in waiting:
        storing.store_batch(organization_id=source.organization_id, batch_id=batch_id)
    with tenant(source.organization_id):
        source.refresh_from_db()
        rows = Message.objects.filter(organization_id=source.organization_id)
        return sorted(rows.values_list("content", flat=True))


def files(source: CaptureSource) -> dict[str, CaptureFile]:
    with tenant(source.organization_id):
        return {each.path: each for each in CaptureFile.objects.filter(source=source)}


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def test_a_file_is_read_as_it_grows_and_a_half_written_line_waits_for_its_end(
    organization: Organization, logs: Path
) -> None:
    source, log = watch(organization), logs / "a.jsonl"
    whole = line(message="second")
    append(log, line(message="first") + "\n" + whole[:40])

    assert look(source) == ["first"]
    assert files(source)["logs/a.jsonl"].waiting == 40
    assert look(source) == ["first"]
    append(log, whole[40:])
    # Whole, though no newline says so; the newline that follows is no line of its own.
    assert look(source) == ["first", "second"]
    append(log, "\nno json\n" + line(message="third") + "\n")
    assert look(source) == ["first", "second", "third"]
    read = files(source)["logs/a.jsonl"]
    assert (read.accepted, read.rejected, read.waiting) == (3, 1, 0)
    with tenant(organization.id):
        assert Batch.objects.exclude(rejected=0).get().source == "logs/a.jsonl"
        assert Batch.objects.count() == 3
    headers = {"Authorization": f"Bearer {make_key(organization)}"}
    told = Client().get("/api/v1/capture-sources", headers=headers).json()["results"]
    assert [(each["source"], each["files"][0]["bytes_read"]) for each in told] == [("logs/*.jsonl", log.stat().st_size)]


def test_a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_beginning(
    organization: Organization, logs: Path
) -> None:
    source, log = watch(organization), logs / "a.jsonl"
    append(log, line(message="first") + "\n")
    look(source)
    append(log, line(message="just before") + "\n")
    log.rename(logs / "a.jsonl.1")
    append(log, line(message="after") + "\n")

    assert look(source) == ["after", "first", "just before"]
    append(logs / "a.jsonl.1", line(message="late writer") + "\n")
    assert look(source) == ["after", "first", "just before", "late writer"]


def test_a_file_under_another_name_goes_on_where_it_was(organization: Organization, logs: Path) -> None:
    source = watch(organization)
    append(logs / "a.jsonl", line(message="first") + "\n")
    look(source)
    (logs / "a.jsonl").rename(logs / "b.jsonl")
    append(logs / "b.jsonl", line(message="second") + "\n")

    assert look(source) == look(source) == ["first", "second"]
    assert {path: each.accepted for path, each in files(source).items()} == {"logs/b.jsonl": 2}
    with tenant(organization.id):
        assert Batch.objects.count() == 2


@pytest.mark.parametrize("longer", [False, True])
def test_a_file_written_anew_under_its_name_is_read_again(organization: Organization, logs: Path, longer: bool) -> None:
    source, log = watch(organization), logs / "a.jsonl"
    append(log, line(message="old " + "x" * 500) + "\n")
    look(source)
    with log.open("r+") as stream:
        stream.truncate(0)
        stream.write(line(message="new " + "y" * (900 * longer)) + "\n")

    assert [text[:3] for text in look(source)] == ["new", "old"]


def test_looking_again_and_reading_the_same_lines_elsewhere_changes_nothing(
    organization: Organization, logs: Path
) -> None:
    source = watch(organization, "logs")
    lines = [line(session=f"s{n}", message=f"m{n}") for n in range(3)]
    (logs / "a.jsonl").write_text("\n".join(lines) + "\n")
    (logs / "copy.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (logs / "array.json").write_text(f"[{','.join(lines)}]")
    (logs / "notes.txt").write_text("no log")

    first, again = look(source), look(source)

    assert first == again == ["m0", "m1", "m2"]
    assert sorted(files(source)) == ["logs/a.jsonl", "logs/array.json", "logs/copy.jsonl.gz"]
    with tenant(organization.id):
        assert Batch.objects.count() == 3


def test_a_large_file_is_read_in_several_looks(
    organization: Organization, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.ingestion.files._LINES", 2)
    monkeypatch.setattr(watching, "_MOST_PIECES", 1)
    source = watch(organization, "logs/*")
    lines = "".join(line(session=f"s{n}", message=f"m{n}") + "\n" for n in range(6))
    (logs / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))

    counts = [len(look(source)) for _ in range(4)]

    assert counts == [2, 4, 6, 6]
    assert source.looks == 2  # finished ones


def test_nothing_outside_the_organizations_folder_is_opened(
    organization: Organization, logs: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secret.jsonl").write_text(line(message="theirs") + "\n")
    (logs / "link.jsonl").symlink_to(tmp_path / "other" / "secret.jsonl")
    (logs / "far").symlink_to(tmp_path / "other")
    os.mkfifo(logs / "pipe.jsonl")
    append(logs / "a.jsonl", line(message="ours") + "\n")

    texts = look(watch(organization)) + look(watch(organization, "logs/*/*.jsonl"))

    assert set(texts) == {"ours"}
    with tenant(organization.id):
        errors = dict(CaptureFile.objects.exclude(error="").values_list("path", "error"))
    # Nor is anything named that lies there.
    assert errors == {"logs/link.jsonl": "logs/link.jsonl: leads out of the organization's folder"}


def test_what_is_wrong_is_said_and_the_other_files_are_read(organization: Organization, logs: Path) -> None:
    source = watch(organization, "logs/*")
    append(logs / "a.jsonl", line(message="good") + "\n")
    (logs / "broken.json").write_text('[{"session_id":')
    (logs / "cut.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 9000)[:40])
    append(logs / "prose.jsonl", "Dear diary,\n")

    assert look(source) == ["good"]

    told = {path: each.error for path, each in files(source).items()}
    assert told["logs/a.jsonl"] == told["logs/prose.jsonl"] == ""
    assert "the JSON array cannot be read" in told["logs/broken.json"]
    assert "logs/cut.jsonl.gz: cannot be read" in told["logs/cut.jsonl.gz"]
    # Its line is kept with its reason, to be tried again.
    assert files(source)["logs/prose.jsonl"].rejected == 1
    (logs / "broken.json").write_text(f"[{line(message='mended')}]")
    assert look(source) == ["good", "mended"]
    assert files(source)["logs/broken.json"].error == ""


def test_a_source_without_a_folder_says_so_and_goes_on_looking(organization: Organization, settings: object) -> None:
    settings.CAPTURE_ROOT = "/no/such/root"  # type: ignore[attr-defined]
    source = watch(organization)

    look(source)

    assert source.error == "there is no folder acme below the server's capture root"
    assert WorkItem.objects.filter(kind=watching.KIND, key=str(source.id)).exists()


def test_another_pattern_takes_the_place_of_the_first_whose_place_is_kept(
    organization: Organization, logs: Path
) -> None:
    first = watch(organization)
    append(logs / "a.jsonl", json.dumps({"no": "session"}) + "\n")
    look(first)
    second = watch(organization, "logs/*.ndjson")
    append(logs / "a.jsonl", line() + "\n")

    assert look(first) == []  # nobody watches it now
    assert look(second) == []
    assert watch(organization).id == first.id
    assert look(first) == ["hello"]
    assert files(first)["logs/a.jsonl"].rejected == 1
