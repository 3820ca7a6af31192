/**
 * Collects the garbage of a server on SIGUSR2, so that what is left is what it needs.
 *
 *   node --expose-gc --import ./bench/support/collect.mjs server.mjs
 */
process.on('SIGUSR2', () => {
  const { gc } = globalThis;
  gc?.();
  // What the first time found may free more.
  setTimeout(() => {
    gc?.();
    console.log('collected');
  }, 100);
});
