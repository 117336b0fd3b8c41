// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata';
import type { JsonSchema } from './schema';

/** What the document says of a route beyond what its decorators and parameters say already. */
export interface RouteDescription {
  /** One line. */
  summary: string;
  /** Body of the answer; none = no content. */
  answer?: JsonSchema;
  /** Media type of the answer, when it is not JSON. */
  contentType?: string;
  /** Status of the answer, when it is not the route's @HttpCode. */
  status?: number;
  /** Other answers that are no errors, by status. */
  alsoAnswers?: Readonly<Record<number, { description: string; schema?: JsonSchema; contentType?: string }>>;
  /** Body of a request that no DTO describes, or not fully. */
  body?: JsonSchema;
  /** False where the body may be left out. */
  bodyRequired?: boolean;
  /** Media types of a body that is read as a stream. */
  bodyTypes?: readonly string[];
  /** Query fields that no DTO describes; an object schema. */
  query?: JsonSchema;
  /** Schemas of path parameters, by name; text of any length otherwise. */
  path?: Readonly<Record<string, JsonSchema>>;
}

const DESCRIPTION = Symbol('millrace:route-description');

/**
 * The document entry of a route: `@Answers('Jobs, newest first', page(Job))`. Everything else (path, parameters, DTOs, role, error
 * format) is read from the route itself. A route without it fails the build's documents.
 */
export function Answers(summary: string, answer?: JsonSchema, more: Partial<RouteDescription> = {}): MethodDecorator {
  return (_target: object, _key: string | symbol, descriptor: PropertyDescriptor) => {
    const handler = descriptor.value as object;
    const before = descriptionOf(handler);
    Reflect.defineMetadata(DESCRIPTION, { ...before, ...more, summary, ...(answer ? { answer } : {}) }, handler);
  };
}

/** For parameter decorators that know what they read: adds to the description of the method that they stand in. */
export function describeParameter(target: object, key: string | symbol | undefined, part: Partial<RouteDescription>): void {
  const handler = (target as Record<string | symbol, object>)[key ?? ''];
  Reflect.defineMetadata(DESCRIPTION, { ...descriptionOf(handler), ...part }, handler);
}

export function descriptionOf(handler: object): Partial<RouteDescription> | undefined {
  return Reflect.getMetadata(DESCRIPTION, handler) as Partial<RouteDescription> | undefined;
}

/** A route that is registered at Fastify itself, beside Nest's router. */
export interface PlainRoute extends RouteDescription {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{name}` parameters. */
  address: string;
  operationId: string;
  tag: string;
  /** Path as Fastify knows it, when it is written otherwise (wildcards). */
  fastifyPath?: string;
  errorFormat?: 'problem' | 'openai' | 'mlflow';
  /** Open to everybody. */
  open?: boolean;
  /** Role asked for; none = any caller of the workspace. */
  role?: string;
}

const PLAIN = Symbol('millrace:plain-routes');

/** Marks a provider that registers routes at Fastify itself, with the document entries of these routes. */
export function RegistersRoutes(routes: readonly PlainRoute[]): ClassDecorator {
  return (target: object) => Reflect.defineMetadata(PLAIN, routes, target);
}

export function plainRoutesOf(provider: object): readonly PlainRoute[] {
  return (Reflect.getMetadata(PLAIN, provider) as readonly PlainRoute[] | undefined) ?? [];
}
