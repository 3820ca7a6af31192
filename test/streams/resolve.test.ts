/** The addresses behind a name. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from 'iomux';
import { describe, expect, it } from 'vitest';
import { resolve } from '../../lib/streams/resolve.js';

type Answer = [error: NodeJS.ErrnoException | null, addresses: readonly Address[]];

function ask(host: string): Promise<Answer> {
  return new Promise((answer) => {
    resolve({ host, port: 7 }, (...given) => answer(given));
  });
}

describe('resolve', () => {
  it('gives each address of a name once, with the port', async () => {
    const [error, addresses] = await ask('localhost');
    expect(error).toBeNull();
    expect(addresses.length).toBeGreaterThan(0);
    const numeric = addresses.map((address) => ('address' in address ? address.address : null));
    expect(new Set(numeric).size).toBe(numeric.length);
    for (const address of numeric) expect(['127.0.0.1', '::1']).toContain(address);
    for (const address of addresses) expect(address).toMatchObject({ port: 7 });
  });

  it('says why there is none, as node:dns does', async () => {
    const [error, addresses] = await ask('unknown.invalid');
    expect(error).toMatchObject({ syscall: 'getaddrinfo', hostname: 'unknown.invalid' });
    expect(addresses).toEqual([]);
  });

  it('answers later, or not at all where it was called off', async () => {
    let answers = 0;
    resolve({ host: 'localhost', port: 7 }, () => answers++);
    const callOff = resolve({ host: 'localhost', port: 7 }, () => answers++);
    expect(answers).toBe(0);
    callOff();
    await ask('localhost');
    await sleep(20);
    expect(answers).toBe(1);
  });
});
