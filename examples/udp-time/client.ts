/** Asks for the time, again where nothing comes: datagrams may be lost. */
import { type Address, defaultReactor } from 'iomux';
import { createDatagramEndpoint } from 'iomux/streams';
import { shield, TimeoutError, waitFor } from 'iomux/tasks';
import { decodeTime } from './time-message.js';

export interface AskOptions {
  /** How often to ask. */
  readonly attempts: number;
  /** How long to wait for an answer each time, in milliseconds. */
  readonly timeout: number;
}

const QUESTION = Buffer.alloc(0);

/** @throws SystemError `ECONNREFUSED`: nobody is asked there. Error: nobody has answered. */
export async function askTime(remote: Address, { attempts, timeout }: AskOptions): Promise<Date> {
  const answer = defaultReactor().createFuture<Date>();
  const transport = await createDatagramEndpoint(
    {
      datagramReceived(data) {
        const time = decodeTime(data, new Date());
        if (time !== null && !answer.done()) answer.setResult(time);
      },
      errorReceived(error) {
        if (!answer.done()) answer.setException(error);
      },
    },
    // Connected, the socket takes datagrams of this address only, and hears that nobody is there.
    { remote },
  );
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      transport.send(QUESTION);
      try {
        // The answer to an earlier question is as good.
        return await waitFor(shield(answer), timeout);
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
      }
    }
    throw new Error(`no answer to ${attempts} questions, ${timeout} ms each`);
  } finally {
    transport.close();
  }
}
