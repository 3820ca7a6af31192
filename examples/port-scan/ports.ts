/** Which ports somebody means: `22,80,8000-8999`. */

/** @throws Error: no such ports. */
export function parsePorts(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [, from = '', to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (first < 1 || last > 65_535 || first > last) {
      throw new Error(`PORTS must be such as 22,80,8000-8999, from 1 to 65535, not '${text}'`);
    }
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
