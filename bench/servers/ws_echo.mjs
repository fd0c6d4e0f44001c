// ws for Node.js, with bufferutil; compression only where that is what is measured.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';

const BURST = 1000;

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    app: { type: 'string', default: 'echo' },
    certificate: { type: 'string' },
    key: { type: 'string' },
    deflate: { type: 'boolean', default: false },
  },
});

function announce(server) {
  console.log('listening', server.address().port);
}

function listen() {
  const address = { host: '127.0.0.1', port: Number(options.port), backlog: 4096 };
  const perMessageDeflate = options.deflate;
  if (!options.certificate) {
    const server = new WebSocketServer({ ...address, perMessageDeflate });
    server.on('listening', () => announce(server));
    return server;
  }
  const https = createServer({ cert: readFileSync(options.certificate), key: readFileSync(options.key) });
  https.listen(address, () => announce(https));
  return new WebSocketServer({ server: https, perMessageDeflate });
}

const server = listen();

const apps = {
  echo(ws, data, binary) {
    ws.send(data, { binary });
  },
  broadcast(ws, data, binary) {
    for (const client of server.clients) {
      client.send(data, { binary });
    }
  },
  burst(ws, data, binary) {
    setImmediate(() => {
      for (let i = 0; i < BURST; i++) {
        ws.send(data, { binary });
      }
    });
  },
};
const onMessage = apps[options.app];

server.on('connection', (ws) => {
  ws.on('error', () => {}); // a load generator that leaves is no news
  ws.on('message', (data, binary) => onMessage(ws, data, binary));
});

process.on('SIGUSR2', () => {
  for (const client of server.clients) {
    client.close(1001);
  }
});
