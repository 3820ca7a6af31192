/** Headings and labelled lines, in colour on a terminal; without it, the same words. */

const LABEL_WIDTH = 13;
const BOLD = '1';
const RED = '31';
const GREEN = '32';
const YELLOW = '33';

export class Report {
  #text = '';

  constructor(readonly styled: boolean) {}

  get text(): string {
    return this.#text;
  }

  heading(title: string): void {
    if (this.#text !== '') this.#text += '\n';
    this.#text += `${this.#in(BOLD, title)}\n`;
  }

  item(label: string, value: string): void {
    this.#line(' ', label, value);
  }

  success(label: string, value: string): void {
    this.#line(this.#in(GREEN, '✓'), label, value);
  }

  /** What is not here, and need not be. */
  missing(label: string, reason: string): void {
    this.#line(this.#in(YELLOW, '–'), label, reason);
  }

  failure(label: string, reason: string): void {
    this.#line(this.#in(RED, '✗'), label, reason);
  }

  /** A value of several lines stands in one column. */
  #line(mark: string, label: string, value: string): void {
    const column = ' '.repeat(4 + LABEL_WIDTH);
    this.#text += `  ${mark} ${label.padEnd(LABEL_WIDTH)}${value.replaceAll('\n', `\n${column}`)}\n`;
  }

  #in(style: string, text: string): string {
    return this.styled ? `\x1b[${style}m${text}\x1b[0m` : text;
  }
}
