"""`flywheel bench`: how fast it is, measured on this machine against the running product."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

_BENCHMARKS = {
    "ingest": ("flywheel.bench.ingest", "push conversations through HTTP until they can be read, beside a bare COPY"),
    "analyze": ("flywheel.bench.analyze", "assess and store conversations with one worker, and analyze them alone"),
    "portal": ("flywheel.bench.portal", "every page of an organization with so many conversations, made by SQL"),
    "serve": ("flywheel.bench.serve", "fetch prompts with their assignment over 16 connections, and assign locally"),
}


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("bench", help="measure capture, analysis and serving")
    what = "; ".join(f"{name}: {words}" for name, (_, words) in _BENCHMARKS.items())
    parser.add_argument("benchmark", choices=sorted(_BENCHMARKS), help=what)
    parser.add_argument("--n", type=int, default=10_000, help="conversations, or fetches (default: 10,000)")
    parser.add_argument("--clients", type=int, default=4, help="pushing at the same time (default: 4)")
    parser.add_argument(
        "--keep", type=Path, help="with portal: where its organization stays, for the next time (default: nowhere)"
    )
    parser.add_argument("--times", type=int, default=20, help="with portal: requests of each page (default: 20)")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    return parser


def run(options: argparse.Namespace) -> int:
    """Run one benchmark in a data directory of its own and print its figures."""
    module = importlib.import_module(_BENCHMARKS[options.benchmark][0])
    more = {"keep": options.keep, "times": options.times} if options.benchmark == "portal" else {}
    figures: dict[str, Any] = module.measure(n=options.n, clients=options.clients, **more)
    if options.format == "json":
        print(json.dumps(figures, indent=2))
        return 0
    _print(figures, "")
    return 0


def _print(figures: dict[str, Any], indent: str) -> None:
    for name, value in figures.items():
        words = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            print(words)
            _print(value, indent + "  ")
            continue
        if isinstance(value, list):
            print(words)
            _print_rows(value)
            continue
        print(f"{words:<52}{_figure(value):>14}")


def _figure(value: object) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _print_rows(rows: list[Any]) -> None:
    """Print records as columns, or what else there is a line each."""
    if not rows or not isinstance(rows[0], dict):
        print("\n".join(f"  {row}" for row in rows or ["none"]))
        return
    names = list(rows[0])
    table = [[name.replace("_", " ") for name in names], *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *others in table:
        print(f"  {first:<{widths[0]}}" + "".join(f"  {each:>{w}}" for each, w in zip(others, widths[1:], strict=True)))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
