"""Child processes that never outlive us."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Run in the child before exec: the kernel ends it when its parent dies, however that happens.

    SIGTERM for most; PostgreSQL takes it as a slow but clean shutdown.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
