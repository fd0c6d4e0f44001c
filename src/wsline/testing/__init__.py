"""For tests of programs that use wsline: WebSockets in memory, time that does not pass by itself, servers."""

from .memory import MemoryServer, pair
from .serving import serving
from .virtual_time import VirtualTimeLoop

__all__ = ["MemoryServer", "VirtualTimeLoop", "pair", "serving"]
