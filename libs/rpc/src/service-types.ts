// SPDX-License-Identifier: Apache-2.0
import type { MethodDefinition } from '@grpc/grpc-js';

/** One method as ts-proto generates it (`outputServices=grpc-js`). */
export interface GeneratedMethod {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestSerialize: (value: never) => Buffer;
  requestDeserialize: (value: Buffer) => unknown;
  responseSerialize: (value: never) => Buffer;
  responseDeserialize: (value: Buffer) => unknown;
}

/** A generated service definition, such as `registry.ModelServiceService`. */
export type GeneratedService = Record<string, GeneratedMethod>;

export type RequestOf<M extends GeneratedMethod> = ReturnType<M['requestDeserialize']>;
export type ResponseOf<M extends GeneratedMethod> = ReturnType<M['responseDeserialize']>;

/** grpc-js's own view of a method. */
export type AnyMethod = MethodDefinition<unknown, unknown>;

/** 'millrace.registry.v1.ModelService' out of '/millrace.registry.v1.ModelService/GetModel'. */
export function serviceNameOf(definition: GeneratedService): string {
  const [first] = Object.values(definition);
  if (!first) throw new TypeError('the service definition has no methods');
  return first.path.split('/')[1];
}

export function methodNameOf(path: string): string {
  return path.split('/')[2] ?? path;
}
