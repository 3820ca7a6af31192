/** One client's stay: a line is a name at first, then what it says to the others, or a command. */
import { SystemError } from 'iomux';
import { type Connection, LimitOverrunError } from 'iomux/streams';
import { sleep } from 'iomux/tasks';
import { Member } from './member.js';
import type { Room } from './room.js';

const NAME = /^[\p{L}\p{N}_-]{1,20}$/u;
const COMMANDS = '/nick NAME, /who, /quit';

/** Lasts until the client leaves, whichever way. */
export async function chat(room: Room, { reader, writer }: Connection): Promise<void> {
  const member = new Member(writer);
  member.tell('* your name?');
  try {
    for (let line = await reader.readLine(); line !== null; line = await reader.readLine()) {
      // Without control characters: a terminal does as they say.
      const text = line.replaceAll(/\p{Cc}/gu, '').trim();
      if (text === '/quit') break;
      if (text !== '') take(room, member, text);
      // However many lines came at once, the others have their turn after each.
      await sleep(0);
    }
  } catch (error) {
    if (error instanceof LimitOverrunError) member.tell('* this line is too long');
    else if (!(error instanceof SystemError)) throw error;
  } finally {
    room.leave(member);
    await member.finish();
  }
}

function take(room: Room, member: Member, text: string): void {
  const [, command, argument = ''] = /^(\/\S*)\s*(.*)$/.exec(text) ?? [];
  if (member.name === null) introduce(room, member, command === '/nick' ? argument : text);
  else if (command === undefined) room.tell(`${member.name}: ${text}`, member);
  else if (command === '/nick') introduce(room, member, argument);
  else if (command === '/who') member.tell(`* ${room.names.join(', ')}`);
  else member.tell(`* there is no ${command}, but ${COMMANDS}`);
}

function introduce(room: Room, member: Member, wanted: string): void {
  if (!NAME.test(wanted)) member.tell('* a name has up to 20 letters, digits, - and _');
  else if (!room.enter(member, wanted)) member.tell(`* ${wanted} is somebody else's name`);
  else member.tell(`* you are ${wanted}`);
}
