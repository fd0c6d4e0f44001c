"""WebSockets of wsline inside an application of aiohttp; needs aiohttp."""

from .aio.aiohttp import handle_upgrade

__all__ = ["handle_upgrade"]
