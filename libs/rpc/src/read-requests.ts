// SPDX-License-Identifier: Apache-2.0
import { ArrivalPace, type PaceLimits } from '#libs/clock';
import { CommonErrors, isAppError } from '#libs/errors';
import type { CallDeadlines, Timed } from './call-deadlines';
import type { CallScope, ServerCall } from './call-scope';
import { readable, requestBytes } from './readable-requests';

export type RequestStream = AsyncIterable<unknown> & ServerCall;

export interface RequestTiming {
  deadlines: CallDeadlines;
  /** How slowly the messages of a request stream may come. */
  requestPace: PaceLimits;
}

/**
 * The messages of a request stream. The caller that breaks off ends the iteration with COMMON.CANCELLED: half a stream never looks
 * like a whole one. A caller that is too slow ends the call with COMMON.DEADLINE; the time between two reads is not the caller's.
 */
export async function* readRequests(call: RequestStream, scope: CallScope, timing: RequestTiming): AsyncGenerator<unknown> {
  const wait = new MessageWait(scope, timing);
  const messages = call[Symbol.asyncIterator]();
  try {
    for (;;) {
      wait.begin();
      const next = await messages.next();
      if (next.done) break;
      wait.end(requestBytes(next.value));
      yield readable(next.value);
    }
  } catch (error) {
    if (isAppError(error)) throw error;
    throw CommonErrors.CANCELLED('the caller broke off the stream', {}, error);
  } finally {
    wait.stop();
    await messages.return?.();
  }
  if (await wasReset(call)) throw CommonErrors.CANCELLED('the caller broke off the stream');
}

/** The wait for one message after the other. */
class MessageWait implements Timed {
  endsAtMs = Infinity;
  private readonly pace: ArrivalPace;
  private beganMs = 0;

  constructor(
    private readonly scope: CallScope,
    private readonly timing: RequestTiming,
  ) {
    this.pace = new ArrivalPace(timing.requestPace);
  }

  begin(): void {
    this.beganMs = performance.now();
    this.endsAtMs = this.beganMs + this.timing.requestPace.idleMs;
    this.timing.deadlines.add(this);
  }

  end(bytes: number): void {
    this.stop();
    this.judge(bytes);
  }

  expire(): void {
    this.judge(0);
  }

  stop(): void {
    this.timing.deadlines.remove(this);
  }

  private judge(bytes: number): void {
    const fault = this.pace.waited(performance.now() - this.beganMs, bytes);
    if (fault !== undefined) this.scope.end(CommonErrors.DEADLINE(`the requests come too slowly: ${fault}`));
  }
}

const RESET_GRACE_MS = 25;

/**
 * Whether a stream that ended was in truth reset by the caller. A reset from Node is an END_STREAM frame and then a RST_STREAM
 * frame (http2's `close`), and grpc-js 1.14 reports the first as an ordinary end. Both leave in one go, so the second is here
 * within moments; our own client marks a broken source in the stream itself and does not depend on that.
 */
async function wasReset(call: ServerCall & { call?: { stream?: { aborted?: boolean; rstCode?: number } } }): Promise<boolean> {
  const reset = (): boolean => call.cancelled || call.call?.stream?.aborted === true || (call.call?.stream?.rstCode ?? 0) !== 0;
  if (reset()) return true;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, RESET_GRACE_MS);
    call.once('cancelled', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  return reset();
}
