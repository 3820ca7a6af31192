/** What the echo server prints: where it listens, and in the end what it served. */
import type { Address, SelectorStats } from 'iomux';
import type { EchoOptions } from './options.js';
import type { Served } from './service.js';

/** `127.0.0.1:7000 (epoll, level)` */
export function listening(address: Address, { backend, mode, reactor, workers }: EchoOptions): string {
  const how: string[] = [backend, mode];
  if (reactor !== null) how.push(`${reactor} reactor`);
  if (workers > 1) how.push(`${workers} workers`);
  return `${shown(address)} (${how.join(', ')})`;
}

/** The work of one worker; of several, each one's and their sum. */
export function summary(shares: readonly Served[], backend: string): string {
  const total = shares.reduce(sum);
  const lines =
    shares.length === 1 ? [] : shares.map((share, index) => `worker ${index + 1}: ${work(share)}`);
  // Each has its own peak, and they need not have been at the same time.
  const peak = shares.length === 1 ? `peak ${total.peak}` : `peak at most ${total.peak}`;
  lines.push(`served ${work(total, peak)}`, `${backend}: ${figures(total.selector)}`);
  return lines.map((line) => `${line}\n`).join('');
}

function work(served: Served, peak = `peak ${served.peak}`): string {
  const { connections, failed, messages, bytes } = served;
  return (
    `${counted(connections, 'connection')} (${peak}, failed ${failed}), ` +
    `${counted(messages, 'message')}, ${counted(bytes, 'byte')}`
  );
}

function figures({ waits, emptyWaits, events, staleEvents, rebuilds }: SelectorStats): string {
  return `${counted(waits, 'wait')} (${emptyWaits} empty), ${counted(events, 'event')}, ${staleEvents} stale, ${counted(rebuilds, 'rebuild')}`;
}

function sum(one: Served, other: Served): Served {
  return {
    connections: one.connections + other.connections,
    peak: one.peak + other.peak,
    failed: one.failed + other.failed,
    messages: one.messages + other.messages,
    bytes: one.bytes + other.bytes,
    selector: {
      waits: one.selector.waits + other.selector.waits,
      emptyWaits: one.selector.emptyWaits + other.selector.emptyWaits,
      events: one.selector.events + other.selector.events,
      staleEvents: one.selector.staleEvents + other.selector.staleEvents,
      rebuilds: one.selector.rebuilds + other.selector.rebuilds,
    },
  };
}

function shown(address: Address): string {
  if ('path' in address) return String(address.path);
  return address.address.includes(':')
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
