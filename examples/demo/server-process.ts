/** The echo server in a process of its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../echo-server.js', import.meta.url));

export class ServerProcess {
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #exit: Promise<unknown[]>;

  private constructor(
    child: ChildProcessByStdio<null, Readable, null>,
    readonly port: number,
  ) {
    this.#child = child;
    this.#exit = once(child, 'close');
  }

  /** Starts one on a free port; it is killed if this process ends first. @throws Error: it does not listen. */
  static async start(args: readonly string[]): Promise<ServerProcess> {
    const child = spawn(process.execPath, [PROGRAM, '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('close', () => process.off('exit', kill));
    let output = '';
    for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      output += text;
      const port = /^listening on \S+:(\d+) /m.exec(output)?.[1];
      if (port !== undefined) return new ServerProcess(child, Number(port));
    }
    throw new Error(`the server did not start: echo-server ${args.join(' ')}`);
  }

  /** Ends it by SIGTERM. @throws Error: it did not end as it should, with exit code 0. */
  async stop(): Promise<void> {
    this.#child.stdout.resume();
    this.#child.kill('SIGTERM');
    const [code, signal] = await this.#exit;
    if (code !== 0) throw new Error(`the server ended with ${signal ?? `exit code ${code}`} instead of 0`);
  }
}
