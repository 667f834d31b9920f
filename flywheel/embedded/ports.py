"""Free ports on loopback."""

import socket
from pathlib import Path

BACKLOG = 2048  # connections that wait while a web process starts, as gunicorn keeps by default


def free_port(preferred: int = 0) -> int:
    """Return ``preferred`` if nobody listens there, else a free port chosen by the system."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on loopback")


def claim_port(host: str, preferred: int) -> socket.socket:
    """Return a socket that listens at ``preferred``, or any free port for 0: whoever asks next finds it taken.

    Raises OSError when somebody else listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, preferred), family=family, backlog=BACKLOG)


def is_listening(port: int) -> bool:
    """Return whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def recall_port(path: Path) -> int:
    """Return the port written there, or 0."""
    return int(path.read_text()) if path.exists() else 0


def note_port(path: Path, port: int) -> None:
    """Write the port down, whole or not at all: the disk may be full."""
    if recall_port(path) != port:
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(str(port))
        unfinished.replace(path)
