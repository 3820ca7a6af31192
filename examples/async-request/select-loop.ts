/** The downloader on select(): two sets of requests, and which of them are ready. */
import { EVENT_READ, EVENT_WRITE, select } from 'iomux';
import type { AsyncRequest } from './request.js';
import type { Requests } from './requests.js';

/** Runs until the last callback was called. What a callback throws passes through, and the others are given up. */
export function runWithSelect(requests: Requests): void {
  using _ = requests;
  // In the first as well: those that have more to send than the connection took.
  const connecting = new Set<AsyncRequest>();
  const reading = new Set<AsyncRequest>();
  const place = (request: AsyncRequest) => {
    if (request.events & EVENT_WRITE) connecting.add(request);
    else connecting.delete(request);
    if (request.events & EVENT_READ) reading.add(request);
    else reading.delete(request);
  };

  while (requests.size > 0) {
    requests.start().forEach(place);
    const [readable, writable] = select(reading, connecting, [], requests.remaining);
    for (const request of new Set([...writable, ...readable])) {
      request.advance();
      place(request);
    }
    requests.expire().forEach(place);
  }
}
