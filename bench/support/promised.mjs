/** Of whom something is promised: they take part in a quick pass, which promises are checked with. */
import { targets } from '../targets.mjs';
import { besideOf } from './results.mjs';

/**
 * Those of `names` that a target is about, or holds another against.
 *
 * @template {string} Name
 * @param {string} group - the id of the group in which they are rows.
 * @param {readonly Name[]} names
 */
export function promisedIn(group, names) {
  const places = targets.flatMap((target) => [target, besideOf(target, target.beside ?? {})]);
  return names.filter((name) => places.some((place) => place.group === group && place.row === name));
}
