/** What tinypool loads in each worker: it imports a module, and calls what that exports. */
import { invalidValue } from '../native/errors.js';
import { type Order, type Outcome, pack, packThrown, unpack } from './crossing.js';

export async function run({ runtime, module, name, args }: Order): Promise<Outcome> {
  try {
    const exports = (await import(module)) as Readonly<Record<string, unknown>>;
    const work = exports[name];
    if (typeof work !== 'function') {
      const functions = Object.keys(exports).filter((key) => typeof exports[key] === 'function');
      throw invalidValue(
        'name',
        `a function that ${module} exports (${functions.join(', ') || 'none'})`,
        name,
      );
    }
    const value: unknown = await work(...(unpack(args, runtime) as unknown[]));
    return { value: pack(value, runtime, `the result of ${name}()`) };
  } catch (error) {
    return { thrown: packThrown(error, runtime) };
  }
}
