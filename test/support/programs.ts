/** The package's own programs, as they are built: started, listened to, ended. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './processes.js';

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A shell command to run first in the same process: `ulimit -n 64`. */
  readonly before?: string;
}

/** A running program. Leaving its scope kills it. */
export class Program implements Disposable {
  stdout = '';
  stderr = '';
  readonly pid: number;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #closed: Promise<unknown[]>;

  /** @param path - below dist/, without its suffix: `examples/echo-server`. */
  constructor(path: string, args: readonly string[], { env = {}, before }: ProgramOptions = {}) {
    const command = [
      process.execPath,
      fileURLToPath(new URL(`../../dist/${path}.js`, import.meta.url)),
      ...args,
    ];
    const [file, ...rest] =
      before === undefined ? command : ['sh', '-c', `${before}; exec "$@"`, 'sh', ...command];
    this.#child = spawn(file as string, rest, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.pid = this.#child.pid ?? -1;
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    this.#closed = once(this.#child, 'close');
  }

  /** Waits until `stream` matches. @throws Error: the program ended before. */
  async until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      const ended = await Promise.race([once(this.#child[stream], 'data').then(() => false), this.#closed]);
      if (ended !== false && !pattern.test(this[stream])) {
        throw new Error(`the program ended; it wrote: ${this.stdout}${this.stderr}`);
      }
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for its end. */
  async outcome(): Promise<Outcome> {
    const [code, signal] = (await this.#closed) as [number | null, NodeJS.Signals | null];
    return { code, signal, stdout: this.stdout, stderr: this.stderr };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

/** Runs a program to its end. */
export async function runProgram(
  path: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<Outcome> {
  using program = new Program(path, args, options);
  return await program.outcome();
}
