// SPDX-License-Identifier: Apache-2.0
import type { ServiceName } from '../../../../deploy/local/processes';
import type { FaultLab } from '../fault-lab';
import type { Operation } from '../operation';

/** Who sends: in which workspace of which lab, with which chances. */
export interface Caller {
  lab: FaultLab;
  workspace: string;
  random: () => number;
}

export interface Request {
  requestId: string;
  [field: string]: unknown;
}

export type Answer = Pick<Operation, 'outcome'> &
  Partial<Pick<Operation, 'code' | 'ids'>> & {
    /** The replica that did not answer for good. */
    origin?: string;
  };

/** One kind of request and how it is sent. */
export abstract class Door {
  /** Most requests that wait at once: 1 where the order matters. */
  readonly waitingMax: number = 8;
  /** False where a repetition would be another request: then an unanswered one stays unknown. */
  readonly repeats: boolean = true;

  /** The replica that gave the last call no answer at all. */
  private silent = '';

  constructor(protected readonly caller: Caller) {}

  /** Makes what the requests need; called once, before the first. */
  async prepare(): Promise<void> {}

  abstract next(requestId: string): Request;

  /** One try. Throws when there was no answer. */
  abstract send(request: Request): Promise<Answer>;

  /** Told of every request that came to an end. */
  ended(_operation: Operation): void {}

  async close(): Promise<void> {}

  /**
   * One call to a random running replica of a service: 2xx acknowledges, 4xx but 408 and 429 refuses, all else leaves it open. After a
   * call without any answer the next one goes to another replica, as behind any balancer: chance alone would send the repetitions of one
   * request to a frozen process for a minute and more.
   */
  protected async call(
    service: ServiceName,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ answer: Answer; json: Record<string, unknown>; headers: Headers }> {
    const { lab, workspace, random } = this.caller;
    const all = lab.replicas(service).filter((replica) => replica.takesTraffic);
    const running = all.filter((replica) => replica.isRunning);
    const others = running.filter((replica) => replica.httpUrl !== this.silent);
    const among = [others, running, all].find((replicas) => replicas.length > 0) ?? [];
    this.silent = '';
    const origin = among[Math.floor(random() * among.length)].httpUrl;
    const isText = typeof body === 'string';
    const request = {
      method,
      headers: {
        'x-millrace-workspace': workspace,
        ...(body === undefined ? {} : { 'content-type': isText ? 'application/x-ndjson' : 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    };
    const { response, text } = await this.answerOf(origin, path, request);
    const json = (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>;
    const { status } = response;
    const code = `${status} ${textOf(json.code ?? (json.error as { code?: unknown } | undefined)?.code)}`;
    const final = status >= 400 && status < 500 && status !== 408 && status !== 429;
    if (status < 300) return { answer: { outcome: 'acknowledged' }, json, headers: response.headers };
    return { answer: { outcome: final ? 'refused' : 'unknown', code, origin }, json, headers: response.headers };
  }

  private async answerOf(origin: string, path: string, request: RequestInit): Promise<{ response: Response; text: string }> {
    try {
      const response = await fetch(origin + path, request);
      return { response, text: await response.text() };
    } catch (error) {
      this.silent = origin;
      throw error;
    }
  }

  /** For preparations: repeats until it is acknowledged, for at most a minute; a refusal is an error. */
  protected async insist(service: ServiceName, path: string, body: unknown): Promise<Record<string, unknown>> {
    for (const endMs = performance.now() + 60_000; ;) {
      const { answer, json } = await this.call(service, 'POST', path, body).catch((error: unknown) => ({
        answer: { outcome: 'unknown', code: String(error) } satisfies Answer,
        json: {},
      }));
      if (answer.outcome === 'acknowledged') return json;
      if (answer.outcome === 'refused' || performance.now() > endMs) {
        throw new Error(`POST ${path} of ${service}: ${answer.code} ${JSON.stringify(json)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** A field of an answer that should be text; empty when it is not. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
