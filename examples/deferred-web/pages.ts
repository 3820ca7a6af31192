/** What a site is made of. */
import type { Future } from 'iomux';

export interface Request {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly query: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/**
 * Answers a request: with a text, or with a Future of one, if it is to be answered later. A Future is the request's own: it
 * is cancelled when the client has gone.
 */
export type Page = (request: Request) => string | Future<string>;

/** By path. */
export type Pages = ReadonlyMap<string, Page>;

/** What a client may ask of the server. */
export interface Limits {
  /** Bytes of a request's first line and header. */
  readonly maxHead: number;
  /** Bytes of its body. */
  readonly maxBody: number;
  /** Milliseconds that a client may keep us waiting: with a request it has begun, for the next one, to take its answer. */
  readonly patience: number;
}
