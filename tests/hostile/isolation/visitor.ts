// SPDX-License-Identifier: Apache-2.0
import { fromBinary, fromJson, toBinary, toJson, type JsonValue } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import type { ProcessName, ServiceName } from '../../../deploy/local/processes';
import { GrpcCaller } from '../../support/grpc-caller';
import type { GrpcDoor } from '../../support/grpc-doors';
import type { Outcome } from './judge';

export interface HttpAnswer {
  status: number;
  headers: Headers;
  body: string;
}

export interface HttpQuestion {
  token?: string;
  workspace?: string;
  /** Sent as JSON by POST. */
  body?: unknown;
  headers?: Record<string, string>;
}

/** Asks a platform's doors as anybody, and keeps all that was answered. */
export class Visitor {
  readonly answers: string[] = [];
  private readonly caller: GrpcCaller;

  constructor(private readonly platform: { http(name: ProcessName): string; grpc(name: ServiceName): string }) {
    this.caller = new GrpcCaller((service) => platform.grpc(service));
  }

  async ask(name: ProcessName, path: string, question: HttpQuestion): Promise<HttpAnswer> {
    const { token, workspace = 'default', body, headers = {} } = question;
    const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await fetch(`${this.platform.http(name)}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        connection: 'close',
        'x-millrace-workspace': workspace,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...json,
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    this.answers.push(text);
    return { status: answer.status, headers: answer.headers, body: text };
  }

  /** One request message as JSON; of a stream the first three answers. */
  async call(door: GrpcDoor, request: JsonValue, { token, workspace }: { token: string; workspace: string }): Promise<Outcome> {
    const { path, requestStream, responseStream, service, input, output } = door;
    const bytes = Buffer.from(toBinary(input, fromJson(input, request)));
    const call = { path, requestStream, responseStream, request: bytes, token, workspace, messagesMax: 3 };
    const { code, details, trailers, messages } = await this.caller.call(service, call);
    const value = messages.map((message) => toJson(output, fromBinary(output, message)));
    const text = [JSON.stringify(value), ...value.flatMap(textsInBytes), details, trailers].join('\n');
    this.answers.push(text);
    const kinds: Partial<Record<status, Outcome['kind']>> = {
      [status.OK]: 'ok',
      [status.NOT_FOUND]: 'not-found',
      [status.PERMISSION_DENIED]: 'denied',
    };
    return { kind: kinds[code] ?? 'other', status: status[code], text, value };
  }

  /** Status of a call with an empty request. */
  async codeOf({ path, requestStream, responseStream, service }: GrpcDoor, token: string): Promise<status> {
    const call = { path, requestStream, responseStream, request: Buffer.alloc(0), token };
    const { code, details, trailers } = await this.caller.call(service, call);
    this.answers.push(details, trailers);
    return code;
  }

  close(): void {
    this.caller.close();
  }
}

export function outcomeOf({ status: code, headers, body }: HttpAnswer): Outcome {
  const kind = code >= 200 && code < 300 ? 'ok' : code === 404 ? 'not-found' : code === 403 ? 'denied' : 'other';
  const type = headers.get('content-type') ?? '';
  const value = /\bjson\b/.test(type) && !/ndjson/.test(type) ? (JSON.parse(body) as unknown) : undefined;
  return { kind, status: String(code), text: body, ...(value === undefined ? {} : { value }) };
}

/** JSON shows bytes as base64, in which no word would be found. */
function textsInBytes(message: JsonValue): string[] {
  const chunk = (message as { chunk?: unknown }).chunk;
  return typeof chunk === 'string' ? [Buffer.from(chunk, 'base64').toString('utf8')] : [];
}
