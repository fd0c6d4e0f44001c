// The client of ws for Node.js, with bufferutil.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import WebSocket from 'ws';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string' },
    size: { type: 'string', default: '256' },
    seconds: { type: 'string', default: '1' },
    warmup: { type: 'string', default: '0.2' },
  },
});

const message = randomBytes(Number(options.size));
const ws = new WebSocket(`ws://127.0.0.1:${options.port}/`, { perMessageDeflate: false });
let end = performance.now() + Number(options.warmup) * 1e3;
let start;
let used;
let messages = 0;

function report() {
  const seconds = (performance.now() - start) / 1e3;
  const cpu = process.cpuUsage(used);
  const cpu_s = { user: cpu.user / 1e6, system: cpu.system / 1e6 };
  console.log(JSON.stringify({ messages, messages_per_second: messages / seconds, seconds, cpu_s }));
}

// Returns false once the time is over.
function turn() {
  if (start !== undefined) {
    report();
    return false;
  }
  messages = 0;
  start = performance.now();
  used = process.cpuUsage();
  end = start + Number(options.seconds) * 1e3;
  return true;
}

ws.on('open', () => ws.send(message));
ws.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
ws.on('message', (data) => {
  if (!message.equals(data)) {
    console.error('an echo is not what was sent');
    process.exit(1);
  }
  messages++;
  if (performance.now() < end || turn()) {
    ws.send(message);
  } else {
    ws.close();
  }
});
