/** An SVG file: a document to draw in, elements, and the text that becomes of them, the same for the same drawing. */
import { DOMParser } from 'linkedom';

/** @typedef {any} Node - of a document: the types of the DOM are not among those of Node.js. */

const NAMESPACE = 'http://www.w3.org/2000/svg';

/** Attributes with places and lengths: decimals that no screen shows only make the file longer. */
const GEOMETRY = /^([xyrd]|[xy][12]|c[xy]|width|height|transform)$/;
const LONG_NUMBER = /-?\d+\.\d{3,}(?:e-?\d+)?/g;
/** Between two elements; within a text, a line break would be drawn as a space. */
const BETWEEN = />(?=<(?!tspan|\/(?:tspan|text|title|desc|style)))/g;

/** @returns {Node} */
export function emptyDocument() {
  return new DOMParser().parseFromString(`<svg xmlns="${NAMESPACE}"/>`, 'image/svg+xml');
}

/** @type {(document: Node, tag: string, attributes: Record<string, string | number>, ...children: (string | Node)[]) => Node} */
export function element(document, tag, attributes, ...children) {
  const created = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, String(value));
  created.append(...children);
  return created;
}

/** The file: each element on a line of its own, so that its history shows what has moved. @param {Node} svg */
export function fileOf(svg) {
  svg.setAttribute('xmlns', NAMESPACE);
  for (const each of svg.querySelectorAll('*')) {
    for (const { name, value } of each.attributes) {
      if (GEOMETRY.test(name)) each.setAttribute(name, value.replace(LONG_NUMBER, rounded));
    }
  }
  return `${svg.outerHTML.replace(BETWEEN, '>\n')}\n`;
}

/** @param {string} number */
const rounded = (number) => String(Number(Number(number).toFixed(2)));
