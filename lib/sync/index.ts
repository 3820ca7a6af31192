/** Primitives by which tasks wait for each other. */
export {};
