"""A web page and a WebSocket on one port, over http or https.

python examples/external_server.py --port 8080
python examples/external_server.py --port 8443 --certificate certificate.pem --key key.pem
"""

import argparse
import ssl

from wsline import WebSocket, WebSocketServer
from wsline.http import HTTPServer, Request, Response

PAGE = b"""<!doctype html>
<title>Echo</title>
<input id="text" placeholder="say something"><pre id="log"></pre>
<script>
const ws = new WebSocket(location.href.replace("http", "ws"));
ws.onmessage = (event) => { log.textContent += event.data + "\\n"; };
text.onchange = () => { ws.send(text.value); text.value = ""; };
</script>
"""


def make_server(host: str, port: int, context: ssl.SSLContext | None) -> HTTPServer:
    """Build the HTTP server, with a WebSocketServer attached to it."""
    http = HTTPServer(host, port, ssl=context)
    echo = WebSocketServer(server=http)

    @http.on("request")
    def page(request: Request) -> Response:
        if request.path == "/":
            return Response(200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)
        return Response(404, body="Not found: the page is at /\n")

    @echo.on("connection")
    def connection(ws: WebSocket) -> None:
        ws.on("message", ws.send)

    @http.on("listening")
    def announce() -> None:
        scheme = "http" if context is None else "https"
        print(f"Serving {scheme}://{host}:{http.address()[1]}/ (Ctrl-C stops it)", flush=True)

    return http


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A web page and a WebSocket on one port.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--certificate", help="file of the certificate, for https")
    parser.add_argument("--key", help="file of its key")
    options = parser.parse_args()
    context = None
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.key)
    make_server(options.host, options.port, context).run()


if __name__ == "__main__":
    main()
