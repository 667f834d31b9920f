"""The product's own PostgreSQL and Valkey, for machines that have neither.

Nothing here imports Django: it prepares the environment Django starts in.
"""

from flywheel.embedded.environment import Environment, prepare
from flywheel.embedded.ports import free_port

__all__ = ["Environment", "free_port", "prepare"]
