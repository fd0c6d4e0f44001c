// What the `ws` server and client have in common: they tell events as JSON lines on standard output,
// and take commands as JSON lines on standard input.

import { createInterface } from "node:readline";

export const options = JSON.parse(process.argv[2] ?? "{}");

export function tell(event, details = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...details })}\n`);
}

// Tell what happens on the connection and take commands for it.
export function follow(socket) {
  socket.on("message", (data, isBinary) => {
    tell("message", packed(data, isBinary));
    if (options.echo) socket.send(data, { binary: isBinary });
  });
  socket.on("ping", (data) => tell("ping", packed(data, true)));
  socket.on("pong", (data) => tell("pong", packed(data, true)));
  socket.on("close", (code, reason) => tell("close", { code, reason: reason.toString() }));
  socket.on("error", (error) => tell("error", { message: error.message }));
  createInterface({ input: process.stdin }).on("line", (line) => obey(socket, JSON.parse(line)));
}

function obey(socket, command) {
  switch (command.do) {
    case "send":
      return send(socket, command);
    case "send_fragments":
      return sendFragments(socket, command);
    case "ping":
      return socket.ping(Buffer.from(command.base64, "base64"));
    case "close":
      return socket.close(command.code, command.reason);
    default:
      throw new Error(`unknown command ${command.do}`);
  }
}

function send(socket, message) {
  socket.send(unpacked(message), { binary: "base64" in message });
}

// A ping goes between the first fragment and the second.
function sendFragments(socket, { fragments }) {
  fragments.forEach((fragment, index) => {
    const fin = index === fragments.length - 1;
    socket.send(unpacked(fragment), { binary: "base64" in fragment, fin });
    if (index === 0) socket.ping("between");
  });
}

// A message in JSON: text as it is, binary data as Base64.
function packed(data, isBinary) {
  return isBinary ? { base64: data.toString("base64") } : { text: data.toString() };
}

function unpacked({ text, base64 }) {
  return base64 === undefined ? text : Buffer.from(base64, "base64");
}
