/** Coroutines that a reactor drives, and what coordinates them. */
export {};
