"""picows' client: its frame callback on uvloop."""

import meter
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

LOOP = "uvloop"


async def main(url: str, message: bytes, trips: meter.Meter) -> None:
    class Caller(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            transport.send(WSMsgType.BINARY, message)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            meter.check(message, frame.get_payload_as_bytes())
            if trips.count():
                transport.send(WSMsgType.BINARY, message)
            else:
                transport.disconnect()

    transport, _ = await ws_connect(Caller, url)
    await transport.wait_disconnected()
