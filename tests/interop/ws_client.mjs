// A `ws` client: node ws_client.mjs OPTIONS URL
//
// Options (JSON): echo, headers (of the request), perMessageDeflate, protocols, protocolVersion.

import { WebSocket } from "ws";

import { follow, options, tell } from "./ws_peer.mjs";

const socket = new WebSocket(process.argv[3], options.protocols ?? [], {
  headers: options.headers ?? {},
  perMessageDeflate: options.perMessageDeflate ?? false,
  protocolVersion: options.protocolVersion ?? 13,
});

socket.on("upgrade", (response) => socket.once("open", () => {
  const { protocol, extensions } = socket;
  tell("open", { protocol, extensions, headers: response.headers });
}));

socket.on("unexpected-response", async (request, response) => {
  const parts = await response.toArray();
  tell("refused", { status: response.statusCode, body: Buffer.concat(parts).toString() });
  process.exit();
});

follow(socket);
