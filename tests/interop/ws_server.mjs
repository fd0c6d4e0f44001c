// A `ws` server for one connection at a time: node ws_server.mjs OPTIONS
//
// Options (JSON): echo, headers (of the response), perMessageDeflate, protocols, refuse {status, body}.
// It tells {"event": "listening", "port": ...} first.

import { WebSocketServer } from "ws";

import { follow, options, tell } from "./ws_peer.mjs";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: options.perMessageDeflate ?? false,
  handleProtocols: (offered) => (options.protocols ?? []).find((name) => offered.has(name)) ?? false,
  verifyClient: (info, answer) => {
    if (options.refuse) answer(false, options.refuse.status, options.refuse.body);
    else answer(true);
  },
});

server.on("headers", (lines) => {
  for (const [name, value] of Object.entries(options.headers ?? {})) lines.push(`${name}: ${value}`);
});

server.on("connection", (socket, request) => {
  const { protocol, extensions } = socket;
  follow(socket);
  tell("open", { protocol, extensions, path: request.url, headers: request.headers });
});

server.on("listening", () => tell("listening", { port: server.address().port }));
