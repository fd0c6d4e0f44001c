"""picows: its frame callback on uvloop, with the networking it prefers (aiofastnet, which it installs)."""

import entry
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

CLOSE = WSMsgType.CLOSE


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        msg_type = frame.msg_type
        if msg_type is CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            # For small messages this copy costs less than creating a memoryview; pings never come here.
            transport.send(msg_type, frame.get_payload_as_bytes(), frame.fin)


def listener(request: WSUpgradeRequest) -> WSListener:
    return Echo()


async def main(port: int) -> None:
    server = await ws_create_server(listener, "127.0.0.1", port)
    entry.announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


entry.run(main, default_loop="uvloop")
