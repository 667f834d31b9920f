"""`flywheel prompts`: the library as files, for git: pull writes them, push brings changed ones back."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from flywheel.cli.arguments import slug
from flywheel.cli.django_setup import connected


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("prompts", help="keep the library's prompts in files")
    parser.add_argument("what", choices=("pull", "push"), help="pull: write files; push: add versions of changed ones")
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--org", type=slug, default="local")
    parser.add_argument("--label", default="latest", help="pull the version this label names (default: the newest)")
    parser.add_argument("--note", default="", help="push: why, for whoever reads the history")
    parser.add_argument("--force", action="store_true", help="push: even where somebody has added a version since")
    return parser


def run(options: argparse.Namespace) -> int:
    """Pull or push; exit code 2 where a file could not be used."""
    with connected(options.data_dir):
        from apps.organizations import selectors
        from apps.platform.tenancy import tenant

        organization = selectors.get_organization(options.org)
        if organization is None:
            print(f"flywheel: there is no organization {options.org!r}", file=sys.stderr)
            return 2
        if options.what == "pull":
            with tenant(organization.id):
                return _pull(options)
        return _push(options, organization)


def _pull(options: argparse.Namespace) -> int:
    from apps.library.domain.files import write_file
    from apps.library.services.files import take_out

    files = take_out(label=options.label)
    options.directory.mkdir(parents=True, exist_ok=True)
    for file in files:
        (options.directory / f"{file.name}.yaml").write_text(write_file(file), encoding="utf-8")
        print(f"{file.name}  version {file.version}")
    if not files:
        print(f"no prompt carries the label {options.label!r}", file=sys.stderr)
    return 0


def _push(options: argparse.Namespace, organization: Any) -> int:
    paths = sorted([*options.directory.glob("*.yaml"), *options.directory.glob("*.yml")])
    if not paths:
        print(f"flywheel: {options.directory}: there is no .yaml file", file=sys.stderr)
        return 2
    # Each file by itself: what is wrong with one holds up no other.
    results = [_push_one(path, options, organization) for path in paths]
    return 0 if all(results) else 2


def _push_one(path: Path, options: argparse.Namespace, organization: Any) -> bool:
    from apps.library.domain.files import read_file
    from apps.library.domain.prompts import BadPrompt
    from apps.library.services.files import bring_back
    from apps.library.services.prompts import PromptExists
    from apps.platform import clock
    from apps.platform.tenancy import tenant

    try:
        file = read_file(path.read_text(encoding="utf-8"))
        with tenant(organization.id):
            pushed = bring_back(
                organization_id=organization.id, file=file, at=clock.now(organization), actor="prompts push",
                note=options.note, force=options.force,
            )  # fmt: skip
    except (BadPrompt, PromptExists, OSError, UnicodeDecodeError) as error:
        print(f"flywheel: {path}: {error}", file=sys.stderr)
        return False
    if pushed.done == "behind":
        print(
            f"flywheel: {path}: written from version {file.version or 'none'}, the newest is {pushed.version}; "
            "pull and merge, or --force",
            file=sys.stderr,
        )
        return False
    print(f"{file.name}  {pushed.done}, version {pushed.version}")
    return True
