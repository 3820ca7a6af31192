/** Web servers for the clients among the examples. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What the raw server does once it has read the beginning of a request. */
export interface RawAnswer {
  /** Sent one after the other, latin1. */
  readonly pieces: readonly string[];
  readonly ending: 'end' | 'reset' | 'stay';
}

/** Servers in a process of their own. Leaving their scope ends them. */
export class HttpServers implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(
    child: ChildProcess,
    readonly http: number,
    readonly raw: number,
  ) {
    this.#child = child;
  }

  static async start(): Promise<HttpServers> {
    const child = fork(fileURLToPath(new URL('./example-http-servers.mjs', import.meta.url)));
    const [ports] = (await once(child, 'message')) as [{ http: number; raw: number }];
    return new HttpServers(child, ports.http, ports.raw);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}

/** The URL by which the raw server is asked for an answer. */
export function rawUrl(answer: RawAnswer): string {
  return `/${Buffer.from(JSON.stringify(answer)).toString('base64url')}`;
}
