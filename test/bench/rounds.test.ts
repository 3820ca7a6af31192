/** Turns: who takes them, in which order, and what is left of them. */
import { describe, expect, it } from 'vitest';

const { inRounds } = await import(new URL('../../bench/support/rounds.mjs', import.meta.url).href);

/** Contenders that note down when a turn of theirs begins and ends. */
function contenders(notes: string[], names: string[]) {
  return names.map((name) => ({
    name,
    async turn(round: number) {
      notes.push(`${name}${round}`);
      await new Promise((resolve) => setImmediate(resolve));
      notes.push(`/${name}${round}`);
      return { round };
    },
  }));
}

describe('rounds', () => {
  it('are one after the other, and the first is a warm-up that leaves no sample', async () => {
    const notes: string[] = [];
    const rows = await inRounds('made up', contenders(notes, ['A', 'B']), 2);
    expect(notes.filter((note) => !note.startsWith('/'))).toEqual(['B0', 'A0', 'B1', 'A1', 'B2', 'A2']);
    expect(notes[1]).toBe('/B0');
    expect(rows).toEqual([
      { name: 'A', samples: [{ round: 1 }, { round: 2 }] },
      { name: 'B', samples: [{ round: 1 }, { round: 2 }] },
    ]);
  });

  it('have the first in the middle, and the nearer to it the earlier another stands', async () => {
    const notes: string[] = [];
    const rows = await inRounds('made up', contenders(notes, ['A', 'B', 'C', 'D', 'E']), 1, {
      warmUp: false,
    });
    expect(notes.filter((note) => !note.startsWith('/')).join(' ')).toBe('D1 B1 A1 C1 E1');
    expect(rows.map((row: { name: string }) => row.name).join(' ')).toBe('A B C D E');
  });

  it('need no warm-up of who is started anew for each turn', async () => {
    const notes: string[] = [];
    const rows = await inRounds('made up', contenders(notes, ['A']), 2, { warmUp: false });
    expect(notes).toEqual(['A1', '/A1', 'A2', '/A2']);
    expect(rows[0].samples).toHaveLength(2);
  });

  it('may have several turns at once where nothing is timed', async () => {
    const notes: string[] = [];
    await inRounds('made up', contenders(notes, ['A', 'B', 'C']), 1, { warmUp: false, atOnce: 2 });
    expect(notes).toEqual(['B1', 'A1', '/B1', '/A1', 'C1', '/C1']);
  });

  it('name who failed, who takes no further turns, and who is missing, who takes none', async () => {
    let turns = 0;
    const failing = () => {
      turns++;
      return turns === 2 ? Promise.reject(new Error('lost')) : Promise.resolve({ turns });
    };
    const rows = await inRounds(
      'made up',
      [
        { name: 'A', ours: true, turn: failing },
        { name: 'B', missing: 'apt install b', turn: () => expect.unreachable() },
      ],
      3,
      { warmUp: false },
    );
    expect(turns).toBe(2);
    expect(rows).toEqual([
      { name: 'A', ours: true, samples: [{ turns: 1 }], failure: 'lost' },
      { name: 'B', samples: [], missing: 'apt install b' },
    ]);
  });
});
