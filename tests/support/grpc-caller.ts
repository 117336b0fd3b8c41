// SPDX-License-Identifier: Apache-2.0
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { ServiceName } from '../../deploy/local/processes';

export interface GrpcCall {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  /** Encoded request; for a request stream one message each. */
  request: Buffer | Buffer[];
  token?: string;
  workspace?: string;
  /** Further metadata. */
  metadata?: Record<string, string>;
  deadlineMs?: number;
  /** Ends a response stream after that many messages, as a client that has seen enough. */
  messagesMax?: number;
}

export interface GrpcAnswer {
  code: status;
  details: string;
  /** The bytes of `millrace` error details, undecoded: what else a caller gets to see. */
  trailers: string;
  /** Encoded answers. */
  messages: Buffer[];
}

/** Calls any method with raw bytes, as no generated client would let one. */
export class GrpcCaller {
  private readonly clients = new Map<ServiceName, Client>();

  constructor(private readonly addressOf: (service: ServiceName) => string) {}

  call(service: ServiceName, call: GrpcCall): Promise<GrpcAnswer> {
    const { path, responseStream, requestStream, messagesMax = 100 } = call;
    const client = this.client(service);
    const bytes = (value: Buffer): Buffer => value;
    const metadata = metadataOf(call);
    const options = { deadline: Date.now() + (call.deadlineMs ?? 20_000) };
    const requests = Array.isArray(call.request) ? call.request : [call.request];
    return new Promise((resolve) => {
      const messages: Buffer[] = [];
      const end = (error: ServiceError | null, message?: Buffer): void => {
        if (message) messages.push(message);
        const { code = status.OK, details = '' } = error ?? {};
        resolve({ code, details, trailers: JSON.stringify(error?.metadata?.toJSON() ?? {}), messages });
      };
      if (requestStream) {
        const stream = client.makeClientStreamRequest(path, bytes, bytes, metadata, options, end);
        for (const request of requests) stream.write(request);
        stream.end();
      } else if (responseStream) {
        const stream = client.makeServerStreamRequest(path, bytes, bytes, requests[0], metadata, options);
        let seenEnough = false;
        stream.on('data', (message: Buffer) => {
          messages.push(message);
          if (messages.length < messagesMax) return;
          seenEnough = true;
          stream.cancel();
        });
        stream.on('error', (error: ServiceError) => end(seenEnough ? null : error));
        stream.on('end', () => end(null));
      } else {
        client.makeUnaryRequest(path, bytes, bytes, requests[0], metadata, options, end);
      }
    });
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }

  private client(service: ServiceName): Client {
    const known = this.clients.get(service);
    if (known) return known;
    const client = new Client(this.addressOf(service), credentials.createInsecure());
    this.clients.set(service, client);
    return client;
  }
}

function metadataOf({ token, workspace, metadata: more = {} }: GrpcCall): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  if (workspace !== undefined) metadata.set('x-millrace-workspace', workspace);
  for (const [name, value] of Object.entries(more)) metadata.set(name, value);
  return metadata;
}
