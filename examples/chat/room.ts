/** Those who chat, each under a name of its own. */
import type { Member } from './member.js';

export class Room {
  /** By name, in lower case: Ann and ann would be taken for each other. */
  readonly #members = new Map<string, Member>();

  get names(): string[] {
    return Array.from(this.#members.values(), ({ name }) => `${name}`);
  }

  /** Gives a member, who may have another, a name. @returns `false`: it is somebody else's. */
  enter(member: Member, name: string): boolean {
    const owner = this.#members.get(name.toLowerCase());
    if (owner !== undefined && owner !== member) return false;
    const before = member.name;
    if (before !== null) this.#members.delete(before.toLowerCase());
    this.#members.set(name.toLowerCase(), member);
    member.name = name;
    this.tell(before === null ? `* ${name} joined` : `* ${before} is ${name} now`, member);
    return true;
  }

  leave(member: Member): void {
    const { name, farewell } = member;
    if (name === null) return;
    this.#members.delete(name.toLowerCase());
    member.name = null;
    this.tell(`* ${name} ${farewell}`, member);
  }

  /** Tells everybody but one. */
  tell(line: string, from: Member): void {
    for (const member of this.#members.values()) {
      if (member !== from) member.tell(line);
    }
  }
}
