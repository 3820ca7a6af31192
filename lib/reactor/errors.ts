/** Where the errors of callbacks go: none of them may stop the loop, and none may be lost. */
import { native } from '../native/load.js';
import { isExhaustion } from './accept-guard.js';

/** What an error was thrown by. */
export interface ErrorContext {
  /** A sentence for a log. */
  readonly message: string;
  readonly source: 'watcher' | 'timer' | 'callback' | 'signal' | 'transport' | 'task' | 'server';
  /** The descriptor that was served. */
  readonly fd?: number;
}

/** Takes what callbacks throw. What it throws itself is an uncaught exception of the process. */
export type ErrorHandler = (error: unknown, context: ErrorContext) => void;

/** Reports to the handler of a reactor, or where it has none as an uncaught exception. Never throws. */
export type Report = (error: unknown, context: ErrorContext) => void;

export function reporter(onError: ErrorHandler | undefined): Report {
  if (onError === undefined) return reportToProcess;
  return (error, context) => {
    try {
      onError(error, context);
    } catch (thrown) {
      uncaught(thrown);
    }
  };
}

/** A server without descriptors for its clients recovers, if it is not ended: that is a warning. */
function reportToProcess(error: unknown, { message, source }: ErrorContext): void {
  if (source === 'server' && isExhaustion(error)) process.emitWarning(message, 'AcceptWarning');
  else uncaught(error);
}

/**
 * The process's 'uncaughtException', at once: thrown from a tick of its own it would wait as long as a blocking run
 * does. Where nobody listens the process ends, in a worker the thread.
 */
export function uncaught(error: unknown): void {
  native.uncaught(error);
}
