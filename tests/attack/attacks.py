"""Every kind of attack on a server: its mark, the figures of the peers, and what does it.

The figures of the peers were measured once, on one machine of two cores: ws 8.23.0, websockets 17.4,
aiohttp 3.14.5, picows 2.3.1 (its core), echo servers with their defaults.
"""

from tests.attack import floods, rules, waits
from tests.attack.processes import MIB
from tests.attack.report import Attack

__all__ = ["ATTACKS"]

_BOMB = 24 * MIB  # 1.5 times `max_payload`

ATTACKS = [
    Attack(
        "a", "500 half, silent, dribbled handshakes", "all closed by 13 s",
        ("none closed", "10.0 s", "none closed", "5.0 s"), waits.handshakes, waits=True,
    ),
    Attack(
        "b", "1-byte fragments without FIN", "refused",
        ("1008, +5 MB", "1009, +3 MB", "1009, +5 MB", "never, worst 5.5 s"), floods.one_byte_fragments,
    ),
    Attack(
        "b", "empty fragments", "refused",
        ("1008, +4 MB", "1009, +2 MB", "never", "never, worst 4.0 s"), floods.empty_fragments,
    ),
    Attack(
        "b", "endless empty deflate blocks", "refused",
        ("1008, +6 MB", "1009, +3 MB", "1009, +4 MB", "no deflate"), floods.empty_blocks, ("--deflate",),
    ),
    Attack(
        "c", "echoes of 64 KiB not read", "bounded",
        ("+1,051 MB", "+2 MB", "+1 MB", "+1,029 MB"), floods.unread_large,
    ),
    Attack(
        "c", "echoes of 100 bytes not read", "bounded",
        ("+1,096 MB", "+1 MB", "+1 MB", "+486 MB"), floods.unread_small,
    ),
    Attack(
        "d", "deflate bombs, 1 MB to 1 GB", "1009 within 1 s",
        ("0.26 s, +110 MB", "0.01 s, +4 MB", "0.02 s, +13 MB", "no deflate"),
        floods.bomb, ("--deflate",), memory=_BOMB,
    ),
    Attack(
        "e", "pings of 125 bytes, pongs not read", "bounded",
        ("cut", "+361 MB", "+1 MB", "+853 MB"), floods.pings,
    ),
    Attack(
        "e", "empty pings, pongs not read", "bounded",
        ("cut", "+12 MB", "+2 MB", "+2,114 MB"), floods.empty_pings,
    ),
    Attack(
        "f", "closing handshakes not answered", "11 s each",
        ("0 / 30 / 30 s", "0 / 10 / 18 s", "0 / 10 / > 45 s", "0 / > 45 / > 45 s"),
        waits.unanswered_closes, waits=True,
    ),
    Attack(
        "g", "10,000 headers, 1 MB lines", "431, 414 or 400",
        ("431 431 400", "431 414 431", "400 400 400", "no answer"), floods.heads,
    ),
    Attack(
        "h", "peers that fill the pipe and stay", "cut within 60 s",
        ("> 100 s",) * 4, waits.full_pipes, waits=True,
    ),
    Attack(
        "i", "absurd announced lengths", "1009 or 1002",
        ("1009", "1009", "1009", "1009 / 1002"), floods.lengths,
    ),
    Attack(
        "j", "wrong handshakes", "0 wrong",
        ("7 of 54", "5 of 54", "5 of 54", "7 of 54"), rules.handshakes,
    ),
    Attack(
        "k", "broken frames", "0 wrong",
        ("0 of 44", "0 of 44", "4 of 44", "18 of 44"), rules.broken_frames,
    ),
    Attack(
        "k", "broken frames, with deflate", "0 wrong",
        ("0 of 51", "0 of 51", "6 of 51", "no deflate"), rules.broken_frames_with_deflate, ("--deflate",),
    ),
    Attack(
        "l", "50 peers that never pong", "cut within 45 s",
        ("never", "40.0 s", "never", "never"), waits.silent, waits=True,
    ),
    Attack(
        "m", "7,000 ugly ends", "8 MB stay at most",
        ("+29 MB", "-0.6 MB", "0 MB", "0 MB"), waits.ugly_ends,
    ),
    Attack(
        "n", "64 descriptors, 200 clients", "25 % of a core, newcomer 3 s",
        ("0 %, 0.0 s", "7 %, 0.5 s", "11 %, 1.1 s", "74 %, 1.1 s"),
        waits.out_of_descriptors, ("--files=64",), has_bystander=False,
    ),
    Attack(
        "o", "a frame and a request byte by byte", "25 us a byte",
        ("4.9 us, +16 MB", "2.4 us", "2.2 us", "2.0 us"), floods.byte_by_byte,
    ),
    Attack(
        "p", "memory pinned by each connection", "40, 190, 512 KB",
        ("9, -, 2,214 KB", "15, -, 829 KB", "14, -, 4,041 KB", "28, -, 33 KB"), floods.memory,
    ),
    Attack(
        "p", "memory pinned after compression", "160 KB",
        ("296 KB", "89 KB", "157 KB", "no deflate"), floods.memory_with_deflate, ("--deflate",),
    ),
    Attack(
        "q", "frames and HTTP behind the request", "served, 1002",
        ("ok", "no HTTP answer", "ok", "ok"), rules.early,
    ),
    Attack(
        "s", "foreign origins", "9 x 403",
        ("0", "0", "0", "0"), rules.origins,
    ),
]  # fmt: skip
