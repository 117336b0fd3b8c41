// SPDX-License-Identifier: Apache-2.0
import { Server, ServerCredentials, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { toAppError } from '#libs/errors';
import { type GeneratedService, toGrpcStatus } from '#libs/rpc';

/** Handlers by method name; a generator serves a stream. Methods without one answer UNIMPLEMENTED. */
export type FakeHandlers = Record<string, (request: never, workspace: string) => unknown>;

/** A bare gRPC server that stands for a peer service in specs. */
export class FakeServer {
  private readonly server = new Server();
  address = '';

  constructor(definition: GeneratedService, handlers: FakeHandlers) {
    const implementation = Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        definition[name]?.responseStream ? streaming(handler) : unary(handler),
      ]),
    );
    this.server.addService(definition as never, implementation);
  }

  async listen(port = 0): Promise<this> {
    const bound = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, chosen) =>
        error ? reject(error) : resolve(chosen),
      );
    });
    this.address = `127.0.0.1:${bound}`;
    return this;
  }

  close(): void {
    this.server.forceShutdown();
  }
}

type Handler = FakeHandlers[string];

const workspaceOf = (call: { metadata: { get(key: string): (string | Buffer)[] } }): string =>
  call.metadata.get('x-millrace-workspace')[0]?.toString() ?? 'default';

function unary(handler: Handler) {
  return (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>): void => {
    Promise.resolve()
      .then(() => handler(call.request as never, workspaceOf(call)))
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(toGrpcStatus(toAppError(error))),
      );
  };
}

function streaming(handler: Handler) {
  return (call: ServerWritableStream<unknown, unknown>): void => {
    const send = async (): Promise<void> => {
      for await (const message of handler(call.request as never, workspaceOf(call)) as AsyncIterable<unknown>)
        call.write(message);
      call.end();
    };
    send().catch((error: unknown) => call.emit('error', toGrpcStatus(toAppError(error))));
  };
}
