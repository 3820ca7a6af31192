/** How a call is refused, in two words. */

/** Class and code of the error that `call` throws: `'StateError ERR_CLOSED'`; `'nothing'` where it throws none. */
export function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (!(error instanceof Error)) return `no Error but ${String(error)}`;
    return `${error.constructor.name} ${String((error as { code?: unknown }).code)}`;
  }
  return 'nothing';
}
