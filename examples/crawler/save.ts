/** What the crawler leaves to threads: files are written while the reactor goes on. */
import { writeFileSync } from 'node:fs';

export function save(path: string, body: Uint8Array): void {
  writeFileSync(path, body);
}
