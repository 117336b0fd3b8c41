// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata';
import type { Principal } from '#libs/auth';
import type { GeneratedService } from './service-types';

const SERVICE = Symbol('millrace:rpc-service');

/** What an RPC handler knows about its call. */
export interface RpcContext {
  workspace: string;
  principal: Principal;
  /** When the caller stops waiting; also the limit of SQL statements and onward calls made meanwhile. */
  deadline: Date;
  requestId: string;
  /** Aborted when the caller cancels or the deadline passes. */
  signal: AbortSignal;
  remainingMs(): number;
}

/**
 * Marks a class as the handler of a service. It has one method per RPC, with the RPC's name:
 * unary `(request, ctx) => Promise<Response>`, client stream `(requests: AsyncIterable<Request>, ctx) => Promise<Response>`,
 * server stream `(request, ctx) => AsyncIterable<Response>`, both `(requests, ctx) => AsyncIterable<Response>`.
 */
export function RpcController(service: GeneratedService): ClassDecorator {
  return (target) => Reflect.defineMetadata(SERVICE, service, target);
}

/** The service that a handler class was marked with. */
export function rpcServiceOf(controller: object): GeneratedService {
  const service = Reflect.getMetadata(SERVICE, controller) as GeneratedService | undefined;
  if (!service) throw new TypeError(`${(controller as { name?: string }).name ?? 'the class'} is not marked with @RpcController`);
  return service;
}
