/** The web server of the examples, as a program, and those who drive it: curl, wrk, and clients that say anything. */
import { execFile } from 'node:child_process';
import { connected, takeAll } from './net-client.js';
import { Program } from './programs.js';
import { toolEnvironment } from './tools.js';

const HOST = '127.0.0.1';

/** The running server. Leaving its scope kills it. */
export class WebServer implements Disposable {
  private constructor(
    readonly program: Program,
    readonly port: number,
  ) {}

  static async start(args: readonly string[] = []): Promise<WebServer> {
    const program = new Program('examples/deferred-web', ['--port', '0', ...args]);
    const [, port] = await program.until('stdout', /^http:\/\/127\.0\.0\.1:(\d+): \/fast /m);
    return new WebServer(program, Number(port));
  }

  url(path: string): string {
    return `http://${HOST}:${this.port}${path}`;
  }

  /** What curl prints; its last argument is the URL of `path`. @throws Error: it failed. */
  curl(path: string, ...args: readonly string[]): Promise<string> {
    return output('curl', ['--silent', '--show-error', '--max-time', '60', ...args, this.url(path)]);
  }

  /** What wrk prints. */
  wrk(path: string, ...args: readonly string[]): Promise<string> {
    return output('wrk', ['--threads', '1', ...args, this.url(path)]);
  }

  /** Sends text, and returns all that comes until the server closes. */
  async say(text: string): Promise<string> {
    const client = await connected({ host: HOST, port: this.port });
    client.write(text, 'latin1');
    try {
      return (await takeAll(client)).toString('latin1');
    } finally {
      client.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
  }
}

function output(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1e8, env: toolEnvironment() }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });
}

/** A request as it is sent. */
export function get(path: string, ...headers: readonly string[]): string {
  return `GET ${path} HTTP/1.1\r\nHost: here\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
}

/** The answers in what a server sent: status and body of each. */
export function answersIn(text: string): string[] {
  const answers: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const head = rest.slice(0, end);
    const [, status = ''] = /^HTTP\/1\.1 (\d{3}) /.exec(head) ?? [];
    if (end < 4 || status === '') throw new Error(`no answer: '${rest}'`);
    const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0);
    answers.push(`${status} ${rest.slice(end, end + length).trimEnd()}`);
    rest = rest.slice(end + length);
  }
  return answers;
}
