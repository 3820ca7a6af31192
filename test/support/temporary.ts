/** A folder for one test's files and Unix sockets, gone with all that is in it when the test's scope ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class TemporaryFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'iomux-'));

  join(name: string): string {
    return join(this.path, name);
  }

  /** A path in this folder that has exactly `length` bytes. */
  ofLength(length: number): string {
    const start = this.join('x');
    return start.padEnd(length, 'x');
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
