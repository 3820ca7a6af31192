/** What a sender of datagrams keeps: those of the next burst, how long it goes on, and what came of it. */
import { DATAGRAM_SIZE, wordOf } from './datagrams-received.mjs';

/** Datagrams filled and sent together. */
export const BURST = 64;
const WORDS = DATAGRAM_SIZE / 4;
/** Milliseconds after which the receiver is asked again: the question may be lost as any other datagram. */
export const ASK_AGAIN = 100;

export class Sent {
  /** The datagrams of a burst. @type {readonly Buffer[]} */
  burst;
  #words = new Int32Array(BURST * WORDS);
  #count = 0;
  #warmup;
  #window;
  /** @type {{ time: number, cpu: NodeJS.CpuUsage, count: number } | undefined} */
  #begin;
  /** @type {Record<string, number>} */
  #measured = {};

  /** @param {{ warmup?: string | undefined, seconds?: string | undefined }} options */
  constructor({ warmup = '50000', seconds = '1' }) {
    this.#warmup = Number(warmup);
    this.#window = Number(seconds) * 1000;
    const { buffer } = this.#words;
    this.burst = Array.from({ length: BURST }, (_, index) =>
      Buffer.from(buffer, index * DATAGRAM_SIZE, DATAGRAM_SIZE),
    );
  }

  /** Fills the datagrams of the next burst. */
  fill() {
    const words = this.#words;
    for (let at = 0; at < words.length; at += WORDS) {
      const sequence = this.#count++;
      for (let index = 0; index < WORDS; index++) words[at + index] = wordOf(sequence, index);
    }
  }

  /** A burst was sent. @returns {boolean} whether it was the last. */
  ends() {
    const time = performance.now();
    if (this.#begin === undefined) {
      if (this.#count >= this.#warmup) this.#begin = { time, cpu: process.cpuUsage(), count: this.#count };
      return false;
    }
    const milliseconds = time - this.#begin.time;
    if (milliseconds < this.#window) return false;
    const { user, system } = process.cpuUsage(this.#begin.cpu);
    const sent = this.#count - this.#begin.count;
    const sentPerCpuSecond = (sent / (user + system)) * 1e6;
    const coreShare = (user + system) / 1000 / milliseconds;
    this.#measured = { sent, sentPerCpuSecond, sentPerSecond: (sent / milliseconds) * 1000, coreShare };
    return true;
  }

  /** Prints a line of JSON, with what the receiver says. @param {Buffer} answer */
  report(answer) {
    const [received, sum] = [answer.readDoubleLE(8), answer.readDoubleLE(16)];
    const sent = this.#count;
    const total = (sent * (sent - 1)) / 2;
    // With a datagram that came twice, or that nobody sent, these could not be right. Lost ones may be missing.
    const plausible = received < sent ? sum < total : received === sent && sum === total;
    if (!plausible) throw new Error(`${sent} datagrams were sent, and ${received} others received`);
    console.log(JSON.stringify({ ...this.#measured, lostShare: 1 - received / sent }));
  }
}
