/**
 * Node's own http and https servers on iomux sockets: each connection that iomux accepts is handed over as a stream.
 *
 *   node dist/examples/http-over-iomux.js --port 8000 --tls-port 8443
 *   curl http://127.0.0.1:8000/
 *   curl -k --data-binary @README.md https://127.0.0.1:8443/echo
 *
 * `--key` and `--cert` name the files of a key and a certificate; without them openssl makes a pair for this run. It ends
 * at SIGINT or SIGTERM.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { parseArgs } from 'node:util';
import { type Server, startServer, toDuplex } from 'iomux/streams';

const USAGE = 'usage: http-over-iomux [--port PORT] [--tls-port PORT [--key FILE --cert FILE]]\n';
const HELLO = 'hello from http over iomux\n';

let answers = 0;
let connections = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  response.once('finish', () => answers++);
  if (request.url === '/') {
    response.end(HELLO);
  } else if (request.url === '/echo') {
    // A client that goes in the middle is no error of ours.
    pipeline(request, response, () => {});
  } else {
    response.writeHead(404).end('there is / and /echo\n');
  }
}

/** Accepts connections with iomux, and has a server of Node's serve them. */
async function listen(server: NetServer, scheme: string, port: number): Promise<Server> {
  const listener = await startServer(
    (connection) => {
      connections++;
      server.emit('connection', toDuplex(connection));
    },
    { address: '127.0.0.1', port },
  );
  for (const address of listener.addresses) {
    if ('port' in address) console.log(`listening on ${scheme}://${address.address}:${address.port}`);
  }
  return listener;
}

function makeIdentity(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'http-over-iomux-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const about = [
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-days',
      '1',
    ];
    const options = ['req', '-x509', ...kind, ...about, '-keyout', key, '-out', cert];
    execFileSync('openssl', options, { stdio: ['ignore', 'ignore', 'pipe'] });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8000' },
      'tls-port': { type: 'string' },
      key: { type: 'string' },
      cert: { type: 'string' },
    },
  });
  const listeners = [await listen(createServer(answer), 'http', Number(values.port))];
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => shutDown(listeners));
  if (values['tls-port'] === undefined) return;
  try {
    const { key, cert } = values;
    const given = key !== undefined && cert !== undefined;
    const identity = given ? { key: readFileSync(key), cert: readFileSync(cert) } : makeIdentity();
    const https = createSecureServer(identity, answer);
    listeners.push(await listen(https, 'https', Number(values['tls-port'])));
  } catch (error) {
    shutDown(listeners);
    throw error;
  }
}

function shutDown(listeners: readonly Server[]): void {
  for (const listener of listeners) {
    listener.close();
    listener.closeClients();
  }
  Promise.all(listeners.map((listener) => listener.waitClosed())).then(() => {
    console.log(`answered ${answers} requests of ${connections} connections`);
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`http-over-iomux: ${(error as Error).message}\n${USAGE}`);
  process.exitCode = 1;
}
