// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AppError } from '#libs/errors';
import type { ModelFiles } from '#libs/tiny-lm';
import { RuntimeErrors } from '../runtime.errors';
import { errorFromThread } from './errors-from-thread';
import type { FromThread, GenerationEnd, GenerationRequest, Piece, ToThread } from './generation';

export interface ThreadListener {
  piece(piece: Piece): void;
  end(end: GenerationEnd): void;
  fail(error: AppError): void;
}

export interface ThreadEvents {
  /** A token came: the thread works. */
  token(): void;
  /** The thread can take another request. */
  idle(): void;
  /** The thread died; its request has been failed. restart() makes a new one. */
  lost(error: Error): void;
}

/** The compiled entry point; when this file runs uncompiled (specs), the one in dist/. */
function threadFile(): string {
  const beside = join(__dirname, 'generation-thread.js');
  if (existsSync(beside)) return beside;
  for (let folder = __dirname; dirname(folder) !== folder; folder = dirname(folder)) {
    const built = join(folder, 'dist', 'services', 'runtime', 'src', 'generation', 'generation-thread.js');
    if (existsSync(built)) return built;
  }
  throw new Error('generation-thread.js is not built: npm run build');
}

/** One worker thread from the main thread's side. */
export class GenerationThread {
  private worker: Worker;
  private readonly known = new Set<string>();
  private current?: { id: number; listener: ThreadListener; isCancelled: boolean };
  private isLost = false;
  private isClosing = false;
  private lastId = 0;

  constructor(private readonly events: ThreadEvents) {
    this.worker = this.start();
  }

  get isIdle(): boolean {
    return !this.current && !this.isLost;
  }

  serves(listener: ThreadListener): boolean {
    return this.current?.listener === listener;
  }

  /** Hands over a request; the model's files go along when the thread does not have them yet. */
  generate(request: GenerationRequest & { files: Partial<ModelFiles> }, listener: ThreadListener): void {
    const { files, ...rest } = request;
    if (!this.known.has(rest.digest)) {
      this.known.add(rest.digest);
      this.post({ kind: 'model', digest: rest.digest, files });
    }
    this.current = { id: ++this.lastId, listener, isCancelled: false };
    this.post({ kind: 'generate', id: this.lastId, ...rest });
  }

  /** Stops the current request; the thread says so within a few tokens and is idle then. */
  cancel(): void {
    if (!this.current) return;
    this.current.isCancelled = true;
    this.post({ kind: 'cancel', id: this.current.id });
  }

  forget(digest: string): void {
    if (this.known.delete(digest) && !this.isLost) this.post({ kind: 'forget', digest });
  }

  restart(): void {
    this.known.clear();
    this.isLost = false;
    this.worker = this.start();
  }

  async close(): Promise<void> {
    this.isClosing = true;
    this.current?.listener.fail(RuntimeErrors.THREAD_LOST('the server is stopping'));
    this.current = undefined;
    await this.worker.terminate();
  }

  private start(): Worker {
    const worker = new Worker(threadFile());
    // A thread that throws ends later, maybe after another one has taken its place: only that of now counts.
    const lose = (error: Error): void => {
      if (worker === this.worker) this.lose(error);
    };
    worker.on('message', (message: FromThread) => this.receive(message));
    worker.on('error', lose);
    worker.on('exit', (code) => lose(new Error(`the thread ended with code ${code}`)));
    return worker;
  }

  private receive(message: FromThread): void {
    const { current } = this;
    if (!current || message.id !== current.id) return;
    if (message.kind === 'piece') {
      this.events.token();
      if (!current.isCancelled) current.listener.piece(message.piece);
      return;
    }
    this.current = undefined;
    if (message.kind === 'end') {
      this.events.token();
      current.listener.end(message.end);
    } else current.listener.fail(errorFromThread(message));
    this.events.idle();
  }

  private lose(error: Error): void {
    if (this.isLost || this.isClosing) return;
    this.isLost = true;
    const { current } = this;
    this.current = undefined;
    current?.listener.fail(RuntimeErrors.THREAD_LOST('the thread that generated the answer died', undefined, error));
    this.events.lost(error);
  }

  private post(message: ToThread): void {
    this.worker.postMessage(message);
  }
}
