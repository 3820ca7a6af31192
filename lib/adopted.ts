/** How a descriptor that exists already gets into a constructor. */

/**
 * A descriptor that a constructor takes over instead of opening one of its own. The package does not export it, so
 * nothing a caller passes can be mistaken for it.
 */
export class Adopted {
  constructor(
    readonly fd: number,
    readonly family = 0,
    readonly type = 0,
  ) {}
}
