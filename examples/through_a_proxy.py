"""Connect through a proxy: the one that is named, else the one that the environment names (`proxy=True`).

    python examples/through_a_proxy.py wss://example.com/ --proxy http://user:password@10.0.0.1:3128
    python examples/through_a_proxy.py ws://example.com/ --proxy socks5h://10.0.0.1:1080
    python examples/through_a_proxy.py ws://example.com/

SOCKS needs `pip install wsline[proxy]`. Without the option `proxy` no proxy is used, whatever the environment
says.
"""

import argparse
import asyncio

from wsline import ProxyError, connect


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--proxy", default=True, help="URL of the proxy; default: as the environment says")
    arguments = parser.parse_args()
    try:
        async with connect(arguments.url, proxy=arguments.proxy) as ws:
            await ws.send("through a proxy")
            print("received:", await ws.recv())
    except ProxyError as error:
        print("the proxy says no:", error)


if __name__ == "__main__":
    asyncio.run(main())
