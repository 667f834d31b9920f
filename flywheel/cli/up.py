"""`flywheel up`: the whole product under one supervisor."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from typing import Any

from flywheel.embedded.supervisor import DEFAULT_PORT, running


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("up", help="run the portal, workers and the scheduler")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=None, help=f"default: {DEFAULT_PORT}, or the next free one")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: 2)")
    parser.add_argument("--i-know", action="store_true", help="allow a bind that other machines can reach")
    return parser


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    if not _is_loopback(options.host) and not options.i_know:
        print(
            f"flywheel: {options.host} can be reached from other machines, and the embedded servers are made for "
            "this one.\nUse --host 127.0.0.1, set DATABASE_URL and REDIS_URL, or say --i-know.",
            file=sys.stderr,
        )
        return 2
    with running(options.data_dir, host=options.host, port=options.port, workers=options.workers) as product:
        if not product.children:
            print(f"flywheel: already running at {product.url} (data in {options.data_dir})", file=sys.stderr)
            return 2
        print(f"API     {product.url}/api/v1/   docs {product.url}/api/docs/")
        print(f"Portal  {product.url}/   the first to sign up makes an organization; or: flywheel createuser --help")
        print("Ctrl-C stops everything", flush=True)
        product.serve()
        print("stopping …", flush=True)
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
