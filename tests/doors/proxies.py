"""Proxies from Debian's packages, on loopback, each in its own process for as long as a test module runs."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEADLINE = 10  # seconds until it listens
PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

PACKAGES = {
    "tinyproxy": "tinyproxy",
    "squid": "squid",
    "microsocks": "microsocks",
    "danted": "dante-server",
}


@dataclass
class RunningProxy:
    """A proxy that runs."""

    port: int
    log: Path

    def url(self, scheme: str, userinfo: str = "") -> str:
        return f"{scheme}://{userinfo and userinfo + '@'}127.0.0.1:{self.port}"


def missing(program: str) -> str | None:
    """Why this proxy cannot run here, and what to do about it; `None` if it can."""
    if shutil.which(program, path=PLACES) is None:
        return f"needs {program}: apt-get install {PACKAGES[program]}"
    return None


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def tinyproxy(place: Path, *lines: str) -> Iterator[RunningProxy]:
    """Run an HTTP proxy; `lines` go into its configuration."""
    port = free_port()
    settings = [f"Port {port}", "Listen 127.0.0.1", "Timeout 60", "MaxClients 50", *lines]
    (place / "tinyproxy.conf").write_text("\n".join([*settings, ""]))
    with _running(place, port, "tinyproxy", "-d", "-c", str(place / "tinyproxy.conf")) as proxy:
        yield proxy


# It asks a helper about each user and password, percent-encoded in a line. No cache, no log but the one here,
# and at the end no wait for clients. Started by root, it becomes `proxy`.
SQUID = """
http_port 127.0.0.1:{port}
auth_param basic program /bin/sed -u -e s/^someone.se%20cret%25$/OK/ -e t -e s/.*/ERR/
auth_param basic children 1 startup=1 idle=1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
pid_filename none
access_log none
cache_log /dev/null
coredump_dir none
cache deny all
cache_mem 0 MB
memory_pools off
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname localhost
cache_effective_user proxy
"""


@contextmanager
def squid(place: Path) -> Iterator[RunningProxy]:
    """Run the other HTTP proxy; it lets in nobody but `someone` with the password `se cret%`."""
    port = free_port()
    (place / "squid.conf").write_text(SQUID.format(port=port))
    # Its shared memory is named after it: another one may run.
    arguments = ("-N", "-d", "1", "-n", f"at{port}", "-f", str(place / "squid.conf"))
    with _running(place, port, "squid", *arguments) as proxy:
        yield proxy


@contextmanager
def microsocks(place: Path, *arguments: str) -> Iterator[RunningProxy]:
    """Run a SOCKS5 proxy."""
    port = free_port()
    with _running(place, port, "microsocks", "-i", "127.0.0.1", "-p", str(port), *arguments) as proxy:
        yield proxy


DANTE = """
logoutput: stdout
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.unprivileged: {user}
client pass {{
    from: 127.0.0.0/8 to: 0.0.0.0/0
}}
socks pass {{
    from: 127.0.0.0/8 to: 0.0.0.0/0
    log: connect
}}
"""


@contextmanager
def danted(place: Path, user: str) -> Iterator[RunningProxy]:
    """Run a SOCKS4 and SOCKS5 proxy."""
    port = free_port()
    (place / "danted.conf").write_text(DANTE.format(port=port, user=user))
    with _running(place, port, "danted", "-f", str(place / "danted.conf")) as proxy:
        yield proxy


@contextmanager
def _running(place: Path, port: int, program: str, *arguments: str) -> Iterator[RunningProxy]:
    path = shutil.which(program, path=PLACES)
    assert path is not None
    log = place / f"{program}.log"
    with log.open("wb") as output:
        # A group of its own: danted has children.
        process = subprocess.Popen(
            [path, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )
    try:
        _wait_until_it_listens(process, port, log)
        yield RunningProxy(port, log)
    finally:
        process.terminate()
        process.wait(DEADLINE)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while True:
        assert process.poll() is None, f"it has ended:\n{log.read_text()}"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"it does not listen:\n{log.read_text()}"
            time.sleep(0.01)
