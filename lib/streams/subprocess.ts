/** Programs whose standard streams a reactor reads and writes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { checkObject } from '../arguments.js';
import type { FileLike } from '../files.js';
import { invalidType, invalidValue, StateError, SystemError } from '../native/errors.js';
import { currentReactor } from '../reactor/ambient.js';
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import { Communication, type SubprocessOutput } from './communication.js';
import type { OutputReader } from './output-reader.js';
import type { StreamReader } from './reader.js';
import { Pipes, settingOf } from './subprocess-pipes.js';
import type { StreamWriter } from './writer.js';

export interface SubprocessOptions {
  /** Its working directory; left out, that of this process. */
  readonly cwd?: string;
  /** Its environment; left out, that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * Each stream is a pipe to here where it is left out; `'ignore'` is `/dev/null`; a descriptor is inherited: 1, or
   * `process.stdout`. A socket or pipe given so becomes blocking, for this process as well.
   */
  readonly stdin?: 'pipe' | 'ignore' | FileLike;
  readonly stdout?: 'pipe' | 'ignore' | FileLike;
  /** `'stdout'`: both go where stdout does, in the order in which they were written. */
  readonly stderr?: 'pipe' | 'ignore' | 'stdout' | FileLike;
}

export type { SubprocessOutput };

/** How a program ended: by itself, or by a signal. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A program that was started. It keeps this process alive until it has ended; an output, which others may have inherited,
 * after that only while a read waits for it. An output is open until it was read to its end: where that may never be,
 * `close` it.
 *
 * @example
 * ```ts
 * await using log = await createSubprocess('journalctl', ['--follow']);
 * console.log(await log.stdout?.readLine());
 * ```
 */
export class Subprocess implements AsyncDisposable {
  readonly pid: number;
  /** `null` where it is no pipe; so for the others. */
  readonly stdin: StreamWriter | null;
  readonly stdout: StreamReader | null;
  readonly stderr: StreamReader | null;
  readonly #reactor: Reactor;
  readonly #outputs: readonly (OutputReader | null)[];
  readonly #waiting = new Set<Future<ExitStatus>>();
  readonly #communications = new Set<Communication>();
  #status: ExitStatus | null = null;

  /** @internal Use `createSubprocess()`. */
  constructor(reactor: Reactor, child: ChildProcess, pid: number, pipes: Pipes) {
    const { stdin, stdout, stderr } = pipes.serve(reactor, () => this.#advance());
    this.pid = pid;
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    this.#reactor = reactor;
    this.#outputs = [stdout, stderr];
    child.on('exit', (code, signal) => this.#exited({ code, signal }));
  }

  /**
   * Waits until the program has ended, though another one may have inherited its streams. Any number may wait, and again.
   */
  wait(): Future<ExitStatus> {
    const future: Future<ExitStatus> = new Future(this.#reactor.futures, () => this.#waiting.delete(future));
    if (this.#status === null) this.#waiting.add(future);
    else future.setResult(this.#status);
    return future;
  }

  /**
   * Sends a signal.
   *
   * @returns `false`: the program has ended; nobody gets the signal.
   * @throws TypeError `ERR_UNKNOWN_SIGNAL`. An error `EPERM`: it runs as somebody else.
   */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    // Nobody else has its number before Node has told of its end.
    return this.#status === null && process.kill(this.pid, signal);
  }

  /**
   * Writes `input` and closes stdin, reads both outputs to their ends, and waits until the program has ended. It does not
   * matter whether the program reads all of its input.
   *
   * @throws TypeError: the input is neither text nor bytes. StateError `ERR_INVALID_STATE`: there is input, and stdin is
   * no pipe; (rejects) somebody else reads an output. (rejects) as `readAll` of an output: it was closed, or the reactor
   * was. Cancelled, what was not read can be read still.
   */
  communicate(input?: Uint8Array | string): Future<SubprocessOutput> {
    this.#feed(input);
    const communication = new Communication(this.#reactor, this.#outputs);
    this.#communications.add(communication);
    this.#advance();
    return communication.future;
  }

  /**
   * Kills the program where it still runs, by SIGKILL; what was not sent to it is dropped, and what it wrote can be read as
   * far as it was received. Programs that it started go on. Again: waits as well.
   *
   * @returns how it ended, when it has.
   * @throws an error `EPERM`: it runs as somebody else. Its streams are closed.
   */
  close(): Future<ExitStatus> {
    const error = new StateError('ERR_CLOSED', 'the program was closed, and its streams with it');
    this.stdin?.transport.abort(error);
    for (const output of this.#outputs) output?.abort(error);
    this.kill('SIGKILL');
    return this.wait();
  }

  /** As {@link Subprocess.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #feed(input: Uint8Array | string | undefined): void {
    if (input !== undefined && typeof input !== 'string' && !(input instanceof Uint8Array)) {
      throw invalidType('input', 'a string, a Buffer or a Uint8Array', input);
    }
    const { stdin } = this;
    if (stdin === null) {
      if (input === undefined) return;
      throw new StateError('ERR_INVALID_STATE', 'there is no pipe to the stdin of the program for the input');
    }
    // The program may have closed it, or ended.
    if (input !== undefined && !stdin.transport.closing) stdin.write(input);
    stdin.close();
  }

  /** An output has ended, or the program. */
  #advance(): void {
    for (const communication of this.#communications) {
      communication.advance(this.#status !== null);
      const { future } = communication;
      if (!future.done()) continue;
      this.#communications.delete(communication);
      // Another program may have inherited it, but does not read it.
      if (future.fulfilled) this.stdin?.abort();
    }
  }

  #exited(status: ExitStatus): void {
    this.#status = status;
    for (const output of this.#outputs) output?.programExited();
    for (const future of this.#waiting) future.setResult(status);
    this.#waiting.clear();
    this.#advance();
  }
}

/**
 * Starts a program, without a shell. What it is told and what it says goes through pairs of sockets, which the reactor
 * waits for: the one that runs, else the default one. An output that is a pipe must be read: when 128 KiB wait, the
 * program is held back. On Linux sockets have no name that can be opened: a program reads its standard input, but not
 * `/dev/stdin`.
 *
 * @param command - a path, or a name that is looked up in `PATH`.
 * @returns its exception is the SystemError of starting it: `ENOENT`, there is no such program or no such `cwd`; `EACCES`,
 * it cannot be executed; `EMFILE`, … Where whoever waited for it is cancelled, the program is killed.
 * @throws TypeError: bad arguments. StateError `ERR_UNSUPPORTED`: the reactor is in a blocking run; `ERR_CLOSED`: an
 * object given as a stream is closed.
 *
 * @example
 * ```ts
 * const sort = await createSubprocess('sort', ['-n']);
 * const { stdout } = await sort.communicate('3\n1\n2\n');
 * const { code } = await sort.wait();
 * ```
 */
export function createSubprocess(
  command: string,
  args: readonly string[] = [],
  options: SubprocessOptions = {},
): Future<Subprocess> {
  checkCommand(command, args, options);
  const { cwd, env, stdin = 'pipe', stdout = 'pipe', stderr = 'pipe' } = options;
  const settings = [
    settingOf(stdin, 'options.stdin'),
    settingOf(stdout, 'options.stdout'),
    stderr === 'stdout' ? stderr : settingOf(stderr, 'options.stderr'),
  ];
  const reactor = currentReactor();
  if (reactor.state === 'blocking') {
    const message =
      "the end of a program is told by Node's own loop, which stands still in a blocking run: use `await reactor.run()`";
    throw new StateError('ERR_UNSUPPORTED', message);
  }
  const future = new Future<Subprocess>(reactor.futures, null, (subprocess) => subprocess.close());
  const fail = (error: NodeJS.ErrnoException) => {
    if (!future.done()) future.setException(startError(error, command, cwd));
  };
  const pipes = new Pipes();
  let child: ChildProcess | null = null;
  try {
    child = spawn(command, args, { cwd, env, stdio: pipes.open(settings) });
    const { pid } = child;
    if (pid === undefined) {
      pipes.close();
      child.on('error', fail);
    } else {
      future.setResult(new Subprocess(reactor, child, pid, pipes));
    }
  } catch (error) {
    child?.kill('SIGKILL');
    pipes.close();
    if (!('errno' in (error as Error))) throw error;
    fail(error as NodeJS.ErrnoException);
  } finally {
    pipes.closeTheirs();
  }
  return future;
}

function checkCommand(command: unknown, args: unknown, options: SubprocessOptions): void {
  if (typeof command !== 'string') throw invalidType('command', 'a string', command);
  if (command === '') throw invalidValue('command', 'the name of a program', command);
  if (!Array.isArray(args)) throw invalidType('args', 'an array of strings', args);
  for (const argument of args) {
    if (typeof argument !== 'string') throw invalidType('one of args', 'a string', argument);
  }
  checkObject(options, 'options');
  const { cwd, env } = options;
  if (cwd !== undefined && typeof cwd !== 'string') throw invalidType('options.cwd', 'a string', cwd);
  if (env !== undefined) checkObject(env, 'options.env');
}

function startError(error: NodeJS.ErrnoException, command: string, cwd: string | undefined): Error {
  if (error instanceof SystemError || error.errno === undefined) return error;
  const hint = cwd === undefined ? undefined : `with the working directory ${cwd}`;
  return new SystemError(error.errno, 'spawn', { path: command, ...(hint !== undefined && { hint }) });
}
