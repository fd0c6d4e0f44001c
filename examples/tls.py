"""Serve over TLS, and connect with a certificate that nobody vouches for.

    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost \\
        -addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem
    python examples/tls.py certificate.pem key.pem
"""

import asyncio
import ssl
import sys

from wsline import TLSError, WebSocket, connect, serve


async def handler(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(f"{ws.ssl_object.version()}: {message}")


async def main(certificate: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with serve(handler, "127.0.0.1", 0, ssl=context) as server:
        url = f"wss://localhost:{server.address()[1]}/"
        # The right way: trust this certificate, and no other.
        trusting = ssl.create_default_context(cafile=certificate)
        async with connect(url, ssl=trusting) as ws:
            await ws.send("verified")
            print(await ws.recv())
        # For a test on your own machine only: anyone on the way could read and change everything.
        async with connect(url, ssl=False) as ws:
            await ws.send("not verified")
            print(await ws.recv())
        # What happens by default.
        try:
            await connect(url)
        except TLSError as error:
            print("refused:", error)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
