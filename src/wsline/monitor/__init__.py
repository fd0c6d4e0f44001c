"""What a server does, in numbers: a page with live figures, and an endpoint for Prometheus."""

from .access import is_local
from .dashboard import Dashboard
from .prometheus import Metrics, ServerCollector
from .tally import ServerStats, Tally

__all__ = ["Dashboard", "Metrics", "ServerCollector", "ServerStats", "Tally", "is_local"]
