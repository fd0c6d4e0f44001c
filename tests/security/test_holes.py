"""The published holes of other libraries: each has a test of its name, here or where its subject is tested.

A probe runs against our server, or our code; a `There` names the test elsewhere that shows the same.
"""

import ast
import asyncio
import struct
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.attack import frames, requests
from tests.doors.door import DEADLINE, Door, Served, echo, until
from tests.doors.peer import CLOSE, PING, PONG, TEXT, Peer, frame
from tests.test_connection import End
from wsline import WebSocket
from wsline.options import ClientOptions, Options, ServerOptions

PLAIN = Door("epoll", None)
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class There:
    """A test elsewhere."""

    path: str
    name: str

    async def __call__(self) -> None:
        tree = ast.parse((TESTS / self.path).read_text())
        names = {
            each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert self.name in names, f"{self.path} has no {self.name}"


Probe = Callable[[], Awaitable[object]]

# -- probes


async def outcome(peer: Peer) -> int | str:
    """Return "echo" when a message comes, or the code of the close frame, or "cut"."""
    try:
        while True:
            found = await asyncio.wait_for(peer.receive(), DEADLINE)
            if found.opcode == CLOSE:
                return int.from_bytes(found.payload[:2], "big")
            if found.opcode not in (PING, PONG):
                return "echo"
    except (OSError, EOFError):
        return "cut"


def sent(
    data: bytes | Callable[[], bytes], *allowed: int | str, deflate: bool = False, **options: Any
) -> Probe:
    """Send this to an echo server, from which one of these must come."""

    async def probe() -> None:
        extension = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else b""
        async with (
            PLAIN.serving(echo, per_message_deflate=deflate, **options) as served,
            PLAIN.raw_client(served.port) as peer,
        ):
            await peer.open(extension)
            peer.writer.write(data if isinstance(data, bytes) else data())
            assert await outcome(peer) in allowed
            await bystander(served)

    return probe


async def bystander(served: Served) -> None:
    """The server serves others."""
    async with PLAIN.raw_client(served.port) as peer:
        await peer.open()
        peer.send(TEXT, b"x")
        assert await outcome(peer) == "echo"


def asked(*names: str) -> Probe:
    """Send these requests of `tests.attack.requests`, which must be answered as it says, once."""
    known = {each.name: each for each in requests.CASES}

    async def probe() -> None:
        async with PLAIN.serving(echo) as served:
            for name in names:
                case = known[name]
                async with PLAIN.raw_client(served.port) as peer:
                    began = time.process_time()
                    peer.writer.write(case.request)
                    head = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), DEADLINE)
                    assert int(head.split()[1]) in case.allowed, (name, head)
                    if int(head.split()[1]) != 101:
                        rest = await asyncio.wait_for(peer.reader.read(), DEADLINE)
                        assert b"\r\nHTTP/1.1 " not in rest, name
                        assert b"Connection: close" in head, name
                    assert time.process_time() - began < 0.5, name
            await bystander(served)

    return probe


def judged(*names: str) -> Probe:
    """Send these sequences of `tests.attack.frames`, to which must come what it says."""
    known = {each.name: each for each in frames.CASES}

    async def probe() -> None:
        for name in names:
            await sent(known[name].data, known[name].expected)()

    return probe


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    return frame(opcode, payload, fin=fin, rsv=rsv, mask=True)


def announced(length: int) -> bytes:
    return struct.pack("!BBQ", 0x82, 0xFF, length) + b"keyx"


def fragments(payload: bytes, count: int) -> bytes:
    return masked(TEXT, payload, fin=False) + masked(0, payload, fin=False) * count


def bomb() -> bytes:
    return masked(2, zlib.compress(bytes(4 << 20), wbits=-15), rsv=4)


ABSURD = [1 << 31, (1 << 31) + 1, 1 << 40, (1 << 63) - 1, 1 << 63]


async def absurd_lengths() -> None:
    for length in ABSURD:
        await sent(announced(length), 1009)()


async def no_limit_is_off_by_default() -> None:
    """What has no limit by default is what cannot be bounded without knowing the application."""
    chosen = {"max_control_rate", "max_connections_per_ip"}
    for options in (Options, ClientOptions, ServerOptions):
        made = options()
        for name in made.__dataclass_fields__:
            if name.startswith("max_") and name not in chosen:
                assert getattr(made, name) is not None, name


async def unread_echoes() -> None:
    async with (
        PLAIN.serving(echo, high_water=1000, max_buffered=100_000) as served,
        PLAIN.raw_client(served.port) as peer,
    ):
        await peer.open()
        (server,) = served.server.clients
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        peer.writer.write(masked(2, bytes(60_000)) * 500)
        await until(lambda: server.buffered_amount > 0 or server.ready_state != 1)
        await asyncio.sleep(0.05)
        assert server.buffered_amount < 200_000
        await bystander(served)


async def many_frames_at_once() -> None:
    """25,000 frames in one piece: no recursion, and linear work."""

    def seconds(count: int) -> float:
        end = End(max_fragments=None)
        data = end.frame(TEXT, fin=False) + end.frame(0, fin=False) * count
        began = time.process_time()
        end.hear(data)
        return time.process_time() - began

    seconds(1000)
    few, many = min(seconds(5_000) for _ in range(3)), min(seconds(25_000) for _ in range(3))
    assert many < 5 * few * 2.3


async def unasked_pongs() -> None:
    await sent(masked(PONG, b"x" * 125) * 20_000 + masked(TEXT, b"x"), "echo")()


async def only_bytes_are_sent() -> None:
    async with PLAIN.pair() as (client, _):
        for bad in (5, 3.5, [1], None, object()):
            with pytest.raises(TypeError):
                client.ping(bad)
            with pytest.raises(TypeError):
                client.pong(bad)
        for reason in (5, b"x", bytearray(5)):
            with pytest.raises(TypeError):
                client.close(1000, reason)  # type: ignore[arg-type]


async def foreign_origins() -> None:
    async with PLAIN.serving(echo) as served:
        for origins, status in ((requests.FOREIGN, b"403"), (requests.OWN, b"101")):
            for origin in origins:
                async with PLAIN.raw_client(served.port) as peer:
                    peer.writer.write(requests.request(b"GET / HTTP/1.1", b"Origin: " + origin))
                    head = await peer.reader.readuntil(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 " + status), origin


async def early_frames() -> None:
    async with PLAIN.serving(echo) as served, PLAIN.raw_client(served.port) as peer:
        await peer.open(behind=requests.request())
        assert await outcome(peer) == 1002


async def own_markers() -> None:
    """Many clients, each of which gets its own messages only."""
    async with PLAIN.serving(echo) as served:

        async def one(marker: str) -> None:
            async with PLAIN.connect(served.url) as ws:
                for i in range(20):
                    ws.send(f"{marker} {i}")
                for i in range(20):
                    assert await ws.recv() == f"{marker} {i}"

        await asyncio.gather(*(one(str(i)) for i in range(50)))


async def nothing_of_ours_splits_a_request() -> None:
    bad = ["a\r\nX: y", "a\nb", "a\0b", "a\rb"]
    for text in bad:
        bad_options: list[dict[str, Any]] = [
            {"origin": text},
            {"headers": {"X": text}},
            {"headers": {text: "x"}},
        ]
        for options in bad_options:
            with pytest.raises(ValueError):
                WebSocket("ws://127.0.0.1:1/", **options)
        with pytest.raises(ValueError):
            WebSocket("ws://127.0.0.1:1/", [text])
        with pytest.raises(ValueError):
            WebSocket(f"ws://127.0.0.1:1/{text}")


BODY = ("a body", "a chunked body", "both", "two lengths", "length +5", "length -1")
LENIENT = ("bare LF", "bare CR", "NUL in a value", "folded line", "space before the colon", "empty name")
HOSTS = ("no host", "two hosts", "two other hosts", "bad host", "host with a user", "host with a path")
COSTLY = ("a costly subprotocol", "a costly extension", "one header a hundred times", "unknown extension")
VERSIONS = ("version 12", "no version", "version 13, 8")
CODES = tuple(f"close {code}" for code in (0, 999, 1004, 1005, 1006, 1015, 5000, 65535))

endless = sent(fragments(b"x", 300), 1008, max_fragments=200)
endless_and_empty = sent(fragments(b"", 300), 1008, max_fragments=200)
cumulative = sent(fragments(b"x" * 100, 300), 1009, max_payload=10_000)
bombed = sent(bomb, 1009, deflate=True, max_payload=100_000)

HEADS = There("handshake/test_heads.py", "test_the_size_of_the_head_is_limited")
LINES = There("handshake/test_heads.py", "test_the_length_of_a_line_is_limited")
COUNT = There("handshake/test_heads.py", "test_the_number_of_headers_is_limited")
CERTIFICATES = There("doors/test_tls.py", "test_a66_wrong_certificates_are_refused")
SECRETS = There("doors/test_hostile_servers.py", "test_a79_a_redirect_across_origins_carries_0_of_3_secrets")
LIMITS = There("security/test_limits.py", "test_just_under_at_and_just_over")
MEMORY = There("wire/test_kernels.py", "test_memory_follows_what_has_arrived")
ANNOUNCED = There("wire/test_kernels.py", "test_no_more_is_reserved_for_an_announcement_than_a_mebibyte")
ANY_BYTES = There("properties/test_stream.py", "test_any_chunking_of_any_bytes_gives_the_same_end")
AGREED = There("doors/test_hostile_servers.py", "test_a71_a_101_that_does_not_agree_is_refused")
ENDLESS_HEAD = There("doors/test_hostile_servers.py", "test_an_endless_head_is_cut")
CLIENT_BITS = There("handshake/test_deflate.py", "test_what_a_client_does_not_take_for_an_answer")
KEYS = There("wire/test_frames.py", "test_each_frame_has_a_key_of_its_own")

HOLES: dict[str, Probe] = {
    # sizes and lengths
    "CVE-2016-10542": absurd_lengths,
    "CVE-2020-27813": absurd_lengths,
    "CVE-2020-13935": absurd_lengths,
    "CVE-2026-1528": absurd_lengths,
    "CVE-2026-27889": absurd_lengths,
    "CVE-2026-54466": asked("version 12", "no version"),
    "CVE-2022-35922": ANNOUNCED,
    "CVE-2020-35896": unread_echoes,
    "CVE-2021-21419": bombed,
    "CVE-2026-44545": no_limit_is_off_by_default,
    "CVE-2025-32049": MEMORY,
    "CVE-2026-0716": ANY_BYTES,
    "CVE-2026-54274": MEMORY,
    # fragments
    "CVE-2014-0193": cumulative,
    "CVE-2026-48779": endless,
    "ws #2331": There("security/test_limits.py", "test_the_defaults"),
    "ws #2329": endless_and_empty,
    "CVE-2026-12151": endless,
    "CVE-2026-9675": cumulative,
    "CVE-2026-42786": cumulative,
    "CVE-2026-65623": many_frames_at_once,
    "CVE-2026-47073": ENDLESS_HEAD,
    "aiohttp 12988": judged("a ping between", "a pong between"),
    "ws 2017-02": many_frames_at_once,
    # compression
    "CVE-2018-1000518": bombed,
    "CVE-2016-10544": bombed,
    "GHSA-hxp9-w8x3-p566": There("wire/test_deflate.py", "test_a14_a136_the_limit_is_on_what_is_inflated"),
    "CVE-2026-1526": bombed,
    "CVE-2026-27571": bombed,
    "CVE-2026-39804": bombed,
    "CVE-2026-54490": bombed,
    "gorilla SetReadLimit": There("wire/test_deflate.py", "test_fragments_count_together"),
    "CVE-2026-2229": CLIENT_BITS,
    "CVE-2026-59881": judged("RSV1"),
    "websockets f729dc4f": There(
        "wire/test_deflate.py", "test_a158_rsv1_is_for_the_first_frame_of_a_message"
    ),
    "CVE-2026-29035": There("wire/test_deflate.py", "test_spoilt_data_is_refused_or_bounded"),
    "aiohttp 3.13.2": There("doors/test_deflate.py", "test_a_message_is_sent_though_nobody_waits_any_more"),
    "endless empty stored blocks": There("doors/test_deflate.py", "test_endless_empty_blocks_are_refused"),
    # control frames, closing, keepalive
    "ws 8.22 pongs": LIMITS,
    "coder 7c87cb5": unasked_pongs,
    "CVE-2021-3690": unasked_pongs,
    "CVE-2025-5399": ANY_BYTES,
    "CVE-2024-23672": There("doors/test_closing.py", "test_a_peer_that_never_answers_the_close"),
    "websockets 15": There("doors/test_closing.py", "test_a_close_frame_behind_what_the_peer_does_not_take"),
    "CVE-2016-10518": only_bytes_are_sent,
    "CVE-2026-45736": only_bytes_are_sent,
    "RFC 6455 7.4": judged(*CODES),
    "CVE-2026-33203": asked("no upgrade", "no key"),
    # slow peers and connection counts
    "CVE-2018-12122": There(
        "security/test_limits.py", "test_handshake_timeout_is_not_prolonged_by_dribbled_bytes"
    ),
    "CVE-2019-5737": There(
        "security/test_limits.py", "test_handshake_timeout_is_not_prolonged_by_dribbled_bytes"
    ),
    "aiohttp 1367": unread_echoes,
    "undici 5503": There("doors/test_flow.py", "test_who_does_not_receive_is_not_drowned"),
    "CVE-2026-54273": early_frames,
    "CVE-2020-36048": LIMITS,
    "CVE-2025-69199": LIMITS,
    "CVE-2026-53522": LIMITS,
    "asyncio EMFILE": There("aio/test_listener.py", "test_without_descriptors_it_pauses_and_goes_on"),
    # handshake parsing
    "CVE-2024-37890": COUNT,
    "CVE-2026-22815": LINES,
    "CVE-2026-54277": HEADS,
    "CVE-2023-43669": There("handshake/test_headers.py", "test_cost_is_linear"),
    "CVE-2021-32640": asked(*COSTLY),
    "GHSA-5v72-xg48-5rpm": asked(*COSTLY),
    "CVE-2020-7662": asked(*COSTLY),
    "CVE-2025-67725": asked("one header a hundred times"),
    "CVE-2026-21717": asked("more headers"),
    "CVE-2026-42544": asked("non-ASCII subprotocol"),
    "CVE-2026-21710": asked("non-ASCII name", "no colon", "tab"),
    "CVE-2025-11677": There("aio/test_opening.py", "test_a_fault_of_the_application_is_a_500"),
    "CVE-2026-45416": There("doors/test_tls.py", "test_who_stalls_is_closed_in_time"),
    # smuggling, splitting, injection
    "CVE-2026-69243": asked(*BODY),
    "CVE-2025-43859": asked(*LENIENT),
    "CVE-2023-47627": asked(*LENIENT, *BODY),
    "CVE-2023-30589": asked("bare CR", "bare LF"),
    "CVE-2025-23167": asked("bare CR", "bare LF"),
    "CVE-2026-34525": asked(*HOSTS),
    "CVE-2026-48710": asked(*HOSTS),
    "CVE-2024-23326": asked(*VERSIONS),
    "CVE-2026-44578": asked("absolute form elsewhere", "CONNECT"),
    "CVE-2026-1527": nothing_of_ours_splits_a_request,
    "CVE-2023-49081": nothing_of_ours_splits_a_request,
    "CVE-2020-7695": There("handshake/test_headers.py", "test_values_must_not_have_control_characters"),
    "CVE-2020-7694": There("handshake/test_headers.py", "test_shown_escapes_and_cuts"),
    # what clients trust
    "ws redirects": SECRETS,
    "websockets e48fe3cd": SECRETS,
    "CVE-2026-49853": SECRETS,
    "redirect loops": There("doors/test_hostile_servers.py", "test_a165c_a_redirect_loop_ends"),
    "CVE-2016-10536": CERTIFICATES,
    "CVE-2020-11050": CERTIFICATES,
    "CVE-2018-8034": CERTIFICATES,
    "CVE-2020-15133": CERTIFICATES,
    "CVE-2022-24968": CERTIFICATES,
    "CVE-2026-54275": There("doors/test_tls.py", "test_a66_another_name_can_be_asked_for"),
    "CVE-2025-10148": KEYS,
    "weak keys": There("handshake/test_key.py", "test_keys_differ"),
    "endless response": There(
        "doors/test_hostile_servers.py", "test_an_endless_refusal_is_read_up_to_64_kib"
    ),
    "unoffered": AGREED,
    "proxy credentials": There("doors/test_proxies.py", "test_a64_an_http_proxy_with_a_password"),
    # origin, authentication
    "CVE-2019-13611": foreign_origins,
    "CVE-2018-14732": foreign_origins,
    "CVE-2019-13209": foreign_origins,
    "CVE-2020-28481": foreign_origins,
    "CVE-2021-33880": There("handshake/test_auth.py", "test_the_comparison_takes_the_same_time"),
    "CVE-2026-21713": There("handshake/test_auth.py", "test_the_comparison_takes_the_same_time"),
    "CVE-2021-4236": There("handshake/test_judging.py", "test_a_response_ends_it_before_anything_is_checked"),
    "CVE-2020-35681": own_markers,
    "CVE-2026-49854": There("wire/test_kernels.py", "test_unmask_and_masked_give_the_xor"),
    "CVE-2026-69244": There("properties/test_stream.py", "test_the_twins_agree_on_mutated_streams"),
}

# Published holes that cannot be here: we have nothing of the kind.
NOT_HERE = {
    "CVE-2026-5740": "counts inside payloads: those are the application's",
    "CVE-2026-33151": "counts inside payloads: those are the application's",
    "CVE-2017-16031": "predictable session ids: there are no sessions",
    "mesop": "one thread for each message: there is one for each client at most",
    "CRIME and BREACH": "secrets beside an attacker's text: documented; compress=False",
}


# What each probe has come to: several holes are of the same kind.
_outcomes: dict[Probe, Exception | None] = {}


@pytest.mark.parametrize("hole", HOLES)
async def test_hole(hole: str) -> None:
    probe = HOLES[hole]
    if probe not in _outcomes:
        try:
            await probe()
            _outcomes[probe] = None
        except Exception as error:
            _outcomes[probe] = error
    failure = _outcomes[probe]
    if failure is not None:
        raise failure


def test_the_cves_are_written_as_such() -> None:
    for hole in HOLES | NOT_HERE:
        if hole.startswith("CVE"):
            _, year, number = hole.split("-")
            assert 2012 <= int(year) <= 2026 and number.isdigit()
    assert not HOLES.keys() & NOT_HERE.keys()


# All of them, so that none is lost.
LISTED = """
    CVE-2016-10542; CVE-2020-27813; CVE-2020-13935; CVE-2026-1528; CVE-2026-27889; CVE-2026-54466;
    CVE-2022-35922; CVE-2020-35896; CVE-2021-21419; CVE-2026-44545; CVE-2025-32049; CVE-2026-0716;
    CVE-2026-54274; CVE-2014-0193; CVE-2026-48779; ws #2331; ws #2329; CVE-2026-12151; CVE-2026-9675;
    CVE-2026-42786; CVE-2026-65623; CVE-2026-47073; aiohttp 12988; ws 2017-02; CVE-2018-1000518;
    CVE-2016-10544; GHSA-hxp9-w8x3-p566; CVE-2026-1526; CVE-2026-27571; CVE-2026-39804; CVE-2026-54490;
    gorilla SetReadLimit; CVE-2026-2229; CVE-2026-59881; websockets f729dc4f; CVE-2026-29035; aiohttp
    3.13.2; endless empty stored blocks; ws 8.22 pongs; coder 7c87cb5; CVE-2021-3690; CVE-2025-5399;
    CVE-2024-23672; websockets 15; CVE-2016-10518; CVE-2026-45736; RFC 6455 7.4; CVE-2026-33203;
    CVE-2018-12122; CVE-2019-5737; aiohttp 1367; undici 5503; CVE-2026-54273; CVE-2020-36048;
    CVE-2025-69199; CVE-2026-53522; asyncio EMFILE; CVE-2024-37890; CVE-2026-22815; CVE-2026-54277;
    CVE-2023-43669; CVE-2021-32640; GHSA-5v72-xg48-5rpm; CVE-2020-7662; CVE-2025-67725; CVE-2026-21717;
    CVE-2026-42544; CVE-2026-21710; CVE-2025-11677; CVE-2026-45416; CVE-2026-69243; CVE-2025-43859;
    CVE-2023-47627; CVE-2023-30589; CVE-2025-23167; CVE-2026-34525; CVE-2026-48710; CVE-2024-23326;
    CVE-2026-44578; CVE-2026-1527; CVE-2023-49081; CVE-2020-7695; CVE-2020-7694; ws redirects;
    websockets e48fe3cd; CVE-2026-49853; redirect loops; CVE-2016-10536; CVE-2020-11050; CVE-2018-8034;
    CVE-2020-15133; CVE-2022-24968; CVE-2026-54275; CVE-2025-10148; weak keys; endless response;
    unoffered; proxy credentials; CVE-2019-13611; CVE-2018-14732; CVE-2019-13209; CVE-2020-28481;
    CVE-2021-33880; CVE-2026-21713; CVE-2021-4236; CVE-2020-35681; CVE-2026-49854; CVE-2026-69244;
    CVE-2026-5740; CVE-2026-33151; CVE-2017-16031; mesop; CRIME and BREACH
"""


def test_the_list_is_complete() -> None:
    listed = [" ".join(each.split()) for each in LISTED.split(";")]
    assert len(listed) == len(set(listed))
    assert set(listed) == HOLES.keys() | NOT_HERE.keys()
