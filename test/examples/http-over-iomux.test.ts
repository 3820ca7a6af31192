/** The example of Node's http and https on iomux sockets, driven by curl and wrk. */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { takeAll } from '../support/net-client.js';
import { Program, runProgram } from '../support/programs.js';
import { TemporaryFolder } from '../support/temporary.js';
import { Authority } from '../support/tls-certificates.js';
import { hasTool, toolEnvironment } from '../support/tools.js';

const PROGRAM = 'examples/http-over-iomux';
const HELLO = 'hello from http over iomux\n';
const ENOUGH = 10_000;
const run = promisify(execFile);

/** Checks each answer, and sends so many requests before it waits for the answers. */
const SCRIPT = `
local depth = tonumber(os.getenv('DEPTH'))
local expected = os.getenv('EXPECTED')
local threads = {}
wrong = 0
function setup(thread) table.insert(threads, thread) end
function init()
  local requests = {}
  for index = 1, depth do requests[index] = wrk.format('GET', '/') end
  batch = table.concat(requests)
end
function request() return batch end
function response(status, headers, body)
  if status ~= 200 or body ~= expected then wrong = wrong + 1 end
end
function done(summary)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get('wrong') end
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('\\nRESULT %d %d %d\\n', summary.requests, wrong, failed))
end
`;

interface Load {
  readonly connections: number;
  readonly depth?: number;
}

/** Loads a server until it has answered often enough. @returns how often, and how many answers were wrong, or failed. */
async function load(url: string, { connections, depth = 1 }: Load) {
  using folder = new TemporaryFolder();
  const script = folder.join('check.lua');
  writeFileSync(script, SCRIPT);
  const total = { answers: 0, wrong: 0, failed: 0, runs: 0 };
  const env = toolEnvironment({ DEPTH: String(depth), EXPECTED: HELLO });
  while (total.answers < ENOUGH) {
    const args = ['-t', '1', '-c', String(connections), '-d', '1s', '--timeout', '30s', '-s', script, url];
    const { stdout } = await run('wrk', args, { env });
    const [, ...numbers] = /^RESULT (\d+) (\d+) (\d+)$/m.exec(stdout) ?? [];
    const [answers = 0, wrong = 0, failed = 0] = numbers.map(Number);
    total.answers += answers;
    total.wrong += wrong;
    total.failed += failed;
    total.runs++;
  }
  return total;
}

async function curl(...args: string[]): Promise<Buffer> {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '60', ...args], {
    encoding: 'buffer',
    env: toolEnvironment(),
    maxBuffer: 1 << 26,
  });
  return stdout;
}

/** The program on free ports, and where it is reached. */
async function started(...args: string[]) {
  const program = new Program(PROGRAM, ['--port', '0', '--tls-port', '0', ...args]);
  const [, http = ''] = await program.until('stdout', /^listening on (http:\S+)$/m);
  const [, https = ''] = await program.until('stdout', /^listening on (https:\S+)$/m);
  return { program, http, https };
}

/** Ends it as Ctrl-C does. @returns what it says of its work. */
async function summary(program: Program) {
  program.kill('SIGINT');
  const { code, signal, stdout, stderr } = await program.outcome();
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  const [, answers, connections] = /^answered (\d+) requests of (\d+) connections$/m.exec(stdout) ?? [];
  return { answers: Number(answers), connections: Number(connections) };
}

describe.runIf(hasTool('curl') && hasTool('wrk'))('the example of http over iomux', () => {
  it('answers more than ten thousand requests, none wrong, and keeps each connection', async () => {
    const { program, http } = await started();
    using _ = program;
    const { answers, wrong, failed, runs } = await load(http, { connections: 50 });
    expect({ wrong, failed }).toEqual({ wrong: 0, failed: 0 });
    const served = await summary(program);
    expect(served.answers).toBeGreaterThanOrEqual(answers);
    // wrk opens one more than it uses, to see whether it can connect.
    expect(served.connections).toBeLessThanOrEqual(51 * runs);
  });

  it('answers as many that come eight at a time', async () => {
    const { program, http } = await started();
    using _ = program;
    const { wrong, failed } = await load(http, { connections: 20, depth: 8 });
    expect({ wrong, failed }).toEqual({ wrong: 0, failed: 0 });
    await summary(program);
  });

  it('answers as many over TLS', async () => {
    const { program, https } = await started();
    using _ = program;
    const { wrong, failed, runs } = await load(https, { connections: 20 });
    expect({ wrong, failed }).toEqual({ wrong: 0, failed: 0 });
    expect((await summary(program)).connections).toBeLessThanOrEqual(21 * runs);
  });

  it('sends back what is uploaded, over both', async () => {
    using folder = new TemporaryFolder();
    const file = folder.join('body');
    const body = randomFillSync(Buffer.allocUnsafe(8 << 20));
    writeFileSync(file, body);
    const { program, http, https } = await started();
    using _ = program;
    for (const url of [http, https]) {
      expect((await curl('-k', url)).toString()).toBe(HELLO);
      const echoed = await curl('-k', '--data-binary', `@${file}`, `${url}/echo`);
      expect(echoed.equals(body)).toBe(true);
      expect((await curl('-k', '-o', '-', '-w', '%{http_code}', `${url}/other`)).toString()).toMatch(/404$/);
    }
    expect((await summary(program)).answers).toBe(6);
  });

  it('takes the key and the certificate that it is given', async () => {
    using folder = new TemporaryFolder();
    const authority = new Authority();
    const { key, cert } = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1');
    const files = { key, cert, ca: authority.ca.cert };
    for (const [name, text] of Object.entries(files)) writeFileSync(folder.join(name), text);
    const { program, https } = await started('--key', folder.join('key'), '--cert', folder.join('cert'));
    using _ = program;
    expect((await curl('--cacert', folder.join('ca'), https)).toString()).toBe(HELLO);
    await summary(program);
    expect(readFileSync(folder.join('key'), 'utf8')).toBe(key);
  });

  it('refuses a malformed request, survives a client that resets, and serves on', async () => {
    const { program, http } = await started();
    using _ = program;
    const port = Number(new URL(http).port);
    const bad = connect(port, '127.0.0.1');
    bad.write('no http\r\n\r\n');
    expect((await takeAll(bad)).toString()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    const upload = connect(port, '127.0.0.1');
    upload.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegun');
    await once(upload, 'data');
    upload.resetAndDestroy();
    expect((await curl(http)).toString()).toBe(HELLO);
    await summary(program);
  });

  it('ends with exit code 1 where the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['--port', String(port)]);
    server.close();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('EADDRINUSE');
  });

  for (const [what, args] of [
    ['an option that there is not', ['--help']],
    ['a port that is none', ['--port', 'http']],
    [
      'a certificate that is not there',
      ['--port', '0', '--tls-port', '0', '--key', '/none', '--cert', '/none'],
    ],
  ] as const) {
    it(`refuses ${what}, says how it is called, and leaves nothing listening`, async () => {
      const { code, stderr } = await runProgram(PROGRAM, [...args]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^http-over-iomux: .+\nusage: http-over-iomux \[--port PORT\]/);
    });
  }
});
