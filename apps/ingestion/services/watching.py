"""Files that are read as they grow: which ones, and one look at them.

A source is standing work: each look asks for the next one, which the tick finds. What a look reads and how far it came
are one transaction, so that a worker killed half-way has read nothing twice and left out nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from apps.ingestion.domain.formats import UnreadableBody
from apps.ingestion.domain.redaction import RedactionFailed
from apps.ingestion.files import Piece, UnreadableInput, is_appended_to, is_array, pieces_of
from apps.ingestion.folders import OnDisk, Unavailable, find, folder_of, look_at, open_below, renamed
from apps.ingestion.growing import Place, grown, is_continued
from apps.ingestion.models import CaptureFile, CaptureSource
from apps.ingestion.services.accepting import accept
from apps.organizations.models import Application, Organization
from apps.platform import clock, work
from apps.platform.tenancy import tenant

KIND = "ingestion.look_at_files"
# Under the tick's 15 s, so that every tick finds it due.
EVERY = timedelta(seconds=10)
# One look's share; then others get their turn.
_MOST_PIECES = 8
_LONGEST_ERROR = 500
_START = Place()
_MIDWAY = 0  # no file was changed then: the next look goes on with it


@dataclass(frozen=True)
class _Reading:
    """A file under way: whose it is, how it lies on the disk, and what its row will say.

    ``is_midway``: an earlier look had its share before the end of a file that is read as a whole.
    """

    organization: Organization
    source: CaptureSource
    folder: Path
    disk: OnDisk
    place: Place = _START
    accepted: int = 0
    rejected: int = 0
    is_midway: bool = False


def watch(*, application: Application, glob: str | None, format_name: str = "auto") -> CaptureSource | None:
    """Have an application's files read from now on: these, and no others (None: none). Call inside tenant(...)."""
    CaptureSource.objects.filter(application=application).exclude(glob=glob or "").update(watched=False)
    if glob is None:
        return None
    source: CaptureSource
    source, _ = CaptureSource.objects.update_or_create(
        organization_id=application.organization_id, application=application, glob=glob,
        defaults={"format": format_name, "watched": True},
    )  # fmt: skip
    look_soon(source)
    return source


def look_soon(source: CaptureSource) -> None:
    """Have a source looked at now, also one whose looking was given up. Call inside tenant(...)."""
    if not work.retry_parked(organization_id=source.organization_id, kind=KIND, key=str(source.id)):
        work.ask(KIND, organization_id=source.organization_id, key=str(source.id))


def look(*, organization_id: int, source_id: int) -> None:
    """Read what has been added to a source's files, at most so much at once; ask for the next look."""
    organization = Organization.objects.get(id=organization_id)
    with tenant(organization_id):
        source = CaptureSource.objects.filter(id=source_id, watched=True).first()
        if source is None:
            return
        rows = list(CaptureFile.objects.filter(source=source))
    error, is_done = "", True
    try:
        if not settings.CAPTURE_ROOT:
            raise Unavailable("this server reads no files: CAPTURE_ROOT is empty")
        folder = folder_of(Path(settings.CAPTURE_ROOT), organization.slug)
        is_done = _read_files(organization, source, folder, _assigned(folder, source.glob, rows))
    except Unavailable as failed:
        error = str(failed)
    with tenant(organization_id):
        source.error, source.looked_at = error[:_LONGEST_ERROR], clock.now(organization)
        source.looks += is_done
        source.save(update_fields=["error", "looked_at", "looks"])
        work.ask(KIND, organization_id=organization_id, key=str(source_id), delay=EVERY if is_done else timedelta())


def give_up(*, organization_id: int, source_id: int) -> None:
    """Say that looking at a source ended its workers again and again, and that nobody looks until told to."""
    with tenant(organization_id):
        for source in CaptureSource.objects.filter(id=source_id):
            source.error = "looking at these files failed five times and was given up; the log says why"
            source.looks += 1
            source.save(update_fields=["error", "looks"])


def _assigned(folder: Path, glob: str, rows: Iterable[CaptureFile]) -> Iterator[tuple[OnDisk, CaptureFile | None]]:
    """Yield the files to be looked into, each with the row that knows it by its number on the disk.

    A file renamed away is read to its end, too: what was written before the rename is not left out.
    """
    by_inode, by_path = {row.inode: row for row in rows}, {row.path: row for row in rows}
    found = {each.path: each for each in find(folder, glob)}
    inodes = {each.inode for each in found.values()}
    for path, row in by_path.items():
        if row.inode in inodes:
            continue
        # One renamed earlier may still be written to, until its writer opens the new one.
        disk = renamed(folder, path, row.inode) if path in found else look_at(folder, path)
        if disk is not None and disk.inode == row.inode:
            found.setdefault(disk.path, disk)
    for disk in found.values():
        known = by_inode.get(disk.inode)
        if known is None or disk != OnDisk(known.path, known.inode, known.size, known.changed_ns):
            yield disk, known


def _read_files(
    organization: Organization, source: CaptureSource, folder: Path, files: Iterable[tuple[OnDisk, CaptureFile | None]]
) -> bool:
    """Read files up to one look's share; return whether all of them are read."""
    left = _MOST_PIECES
    for disk, row in files:
        reading = _Reading(organization, source, folder, disk)
        if row is not None:
            reading = replace(
                reading, place=Place(row.offset, row.newlines, row.mark), accepted=row.accepted, rejected=row.rejected,
                is_midway=row.changed_ns == _MIDWAY,
            )  # fmt: skip
        try:
            with open_below(folder, disk.path) as stream:
                for piece, place in _pieces(reading, stream):
                    if not left:
                        return False
                    reading = _take(reading, piece, place)
                    left -= 1
        except (UnreadableInput, UnreadableBody) as failed:
            _save(reading, changed_ns=disk.changed_ns, error=str(failed))
        except (Unavailable, RedactionFailed) as failed:
            # Nothing about the file need change for this to end, so the next look tries again.
            _save(reading, changed_ns=_MIDWAY, error=str(failed))
        else:
            _save(reading, changed_ns=disk.changed_ns)
    return True


def _pieces(reading: _Reading, stream: BinaryIO) -> Iterator[tuple[Piece, Place]]:
    """Yield what is new in a file, each piece with the place behind it."""
    name, place = Path(reading.disk.path), reading.place
    if is_appended_to(reading.disk.path) and not is_array(stream):
        is_known = is_continued(stream, place, reading.disk.size)
        yield from grown(name, stream, place if is_known else _START)
        return
    # Written once, or as a whole again: what of it is known already changes nothing.
    for piece in pieces_of(name, stream):
        if not reading.is_midway or piece.first_line > place.newlines:
            yield piece, Place(reading.disk.size, piece.first_line)


def _take(reading: _Reading, piece: Piece, place: Place) -> _Reading:
    """Accept a piece and say how far its file has been read, both or neither."""
    with tenant(reading.organization.id):
        result = accept(
            piece.body,
            organization=reading.organization,
            application_id=reading.source.application_id,
            at=clock.now(reading.organization),
            format_name=reading.source.format,
            source=reading.disk.path[-200:],
            first_line=piece.first_line,
            may_be_document=piece.may_be_document,
            keep_rejects=True,
        )
        read = replace(
            reading, place=place, accepted=reading.accepted + result.accepted,
            rejected=reading.rejected + len(result.rejected),
        )  # fmt: skip
        _save(read, changed_ns=_MIDWAY)
    return read


def _save(reading: _Reading, *, changed_ns: int, error: str = "") -> None:
    """Say how far a file has been read, and as of which of its states."""
    disk, place = reading.disk, reading.place
    with tenant(reading.organization.id):
        # Renamed: its old name knows nothing of it any more.
        CaptureFile.objects.filter(source=reading.source, inode=disk.inode).exclude(path=disk.path).delete()
        CaptureFile.objects.update_or_create(
            organization_id=reading.organization.id,
            source=reading.source,
            path=disk.path,
            defaults={
                "inode": disk.inode,
                "size": disk.size,
                "changed_ns": changed_ns,
                "offset": place.offset,
                "newlines": place.newlines,
                "mark": place.mark,
                "accepted": reading.accepted,
                "rejected": reading.rejected,
                "read_at": clock.now(reading.organization),
                "error": error[:_LONGEST_ERROR],
            },
        )
