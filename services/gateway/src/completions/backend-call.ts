// SPDX-License-Identifier: Apache-2.0
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, Pool } from 'undici';

/** Where the body of an answer goes. */
export interface BodySink {
  /** False = no more until `resume` is called. */
  data(chunk: Buffer): boolean;
}

/** Called once when status and headers are there; says where the body goes. `resume` lets a paused body go on. */
export type HeadHandler = (head: BackendHead, resume: () => void) => BodySink;

export interface BackendHead {
  status: number;
  headers: IncomingHttpHeaders;
}

/**
 * One request to a backend, straight on undici's dispatcher: no stream objects between the two sockets. Settles once: when the
 * answer has ended, failed, or was aborted.
 */
export class BackendCall implements Dispatcher.DispatchHandler {
  /** Resolves when the whole body has arrived. */
  readonly done: Promise<void>;
  /** The head has arrived. */
  begun = false;
  private controller: Dispatcher.DispatchController | undefined;
  private sink: BodySink | undefined;
  private settled = false;
  private aborted: Error | undefined;
  private resolve!: () => void;
  private reject!: (error: unknown) => void;

  constructor(private readonly onHead: HeadHandler) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  send(pool: Pool, path: string, request: { headers: Record<string, string>; body: Buffer }): this {
    pool.dispatch({ method: 'POST', path, headers: request.headers, body: request.body }, this);
    return this;
  }

  /** Ends the call now; `done` rejects with this reason and the backend sees its connection close. */
  abort(reason: Error): void {
    this.aborted ??= reason;
    this.controller?.abort(reason);
    this.fail(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.aborted) controller.abort(this.aborted);
  }

  onResponseStart(controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    // 1xx answers come before the real head.
    if (this.settled || statusCode < 200) return;
    this.begun = true;
    this.sink = this.onHead({ status: statusCode, headers }, () => controller.resume());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.settled || !this.sink) return;
    if (!this.sink.data(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.settled) return;
    this.settled = true;
    this.resolve();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  private fail(error: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.reject(error);
  }
}
