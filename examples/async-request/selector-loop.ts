/** The downloader on the best selector of this machine, which keeps the sets and returns only what is ready. */
import { DefaultSelector } from 'iomux';
import type { AsyncRequest } from './request.js';
import type { Requests } from './requests.js';

/** Runs until the last callback was called. What a callback throws passes through, and the others are given up. */
export function runWithSelector(requests: Requests): void {
  using _ = requests;
  using selector = new DefaultSelector<AsyncRequest>();

  while (requests.size > 0) {
    for (const request of requests.start()) selector.register(request, request.events, request);
    for (const [{ data: request }] of selector.select(requests.remaining)) {
      request.advance();
      // One that is over has closed its socket, which left the selector.
      if (request.events !== 0) selector.modify(request, request.events, request);
    }
    requests.expire();
  }
}
