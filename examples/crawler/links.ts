/** The links of a page. */
import { Parser } from 'htmlparser2';

/** Where elements have their links. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  a: 'href',
  area: 'href',
  frame: 'src',
  iframe: 'src',
  img: 'src',
  link: 'href',
  script: 'src',
};

/** @returns each once, as absolute URLs without fragments; of http: and https: only. */
export function linksOf(html: string, page: URL): URL[] {
  let base = page;
  const links = new Map<string, URL>();
  const parser = new Parser({
    onopentag(name, attributes) {
      if (name === 'base') base = resolve(attributes['href'], page) ?? base;
      const link = resolve(attributes[ATTRIBUTES[name] ?? ''], base);
      if (link?.protocol === 'http:' || link?.protocol === 'https:') links.set(link.href, link);
    },
  });
  parser.end(html);
  return [...links.values()];
}

/** @returns `null`: it is no URL. */
export function resolve(reference: string | undefined, base: URL): URL | null {
  if (reference === undefined || !URL.canParse(reference, base.href)) return null;
  const url = new URL(reference, base);
  url.hash = '';
  return url;
}
