/** Who watches descriptors, and must hear of what happens to one. */

/** Something that watches descriptors. */
export interface Holder {
  /** The descriptor is about to be closed: watch it no longer. */
  letGo(fd: number): void;
  /** The number stands for another file from now on: where the kernel forgot it, watch it again. */
  watchAgain(fd: number): void;
}

/**
 * The open selectors of this thread. Who closes a descriptor tells them, whatever they know it by: the number belongs to
 * the process and not to an object, so this is a list of the thread's and not of a socket's.
 * It holds them: a selector that is never closed is never collected.
 */
export const holders: Set<Holder> = new Set();

/** Has every selector let go of a descriptor that is about to be closed: afterwards the kernel could not be told. */
export function leaveHolders(fd: number): void {
  for (const holder of holders) holder.letGo(fd);
}
