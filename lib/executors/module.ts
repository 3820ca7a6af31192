/** Modules by the names by which a worker can import them. */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { invalidType, invalidValue } from '../native/errors.js';

/**
 * What a worker imports: a URL, the URL of an absolute path, or a package's name as it is.
 *
 * @throws TypeError: it is none of these.
 */
export function specifierOf(module: string | URL): string {
  if (module instanceof URL) return module.href;
  if (typeof module !== 'string') throw invalidType('module', 'a string or a URL', module);
  // A worker does not know whose file it would be relative to.
  if (module === '' || /^\.\.?(\/|$)/.test(module)) {
    const expected =
      "a URL, an absolute path or the name of a package (for a file beside yours: new URL('./name.js', import.meta.url))";
    throw invalidValue('module', expected, module);
  }
  return isAbsolute(module) ? pathToFileURL(module).href : module;
}
