// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata';
import { type DynamicModule, type ForwardReference, RequestMethod, type Type } from '@nestjs/common';
import { requiredRole, type Role, skipsAuth } from '#libs/auth';
import { type ErrorFormatName, errorFormatOf } from '../error-formats';
import { defaultRole } from '../default-role';
import { isRawBody } from '../raw-body-stream';
import { DtoPipe } from '../validation';
import { descriptionOf, type PlainRoute, plainRoutesOf, type RouteDescription } from './describe-route';

/** One method on one path, as Nest's decorators declare it. */
export interface NestRoute {
  method: string;
  /** `/api/v1/jobs/:id` */
  path: string;
  controller: Type;
  handlerName: string;
  description: Partial<RouteDescription> | undefined;
  status: number;
  errorFormat: ErrorFormatName;
  /** Undefined where the route identifies its callers itself. */
  role: Role | undefined;
  bodyDto: (new () => object) | undefined;
  queryDto: (new () => object) | undefined;
  readsRawBody: boolean;
}

type Module = Type | DynamicModule | ForwardReference | Promise<DynamicModule>;

/** Every route of a module and of what it imports: Nest's, and those that its providers register at Fastify. */
export async function routesOf(root: Module): Promise<{ nest: NestRoute[]; plain: PlainRoute[] }> {
  const modules = new Set<object>();
  const controllers = new Set<Type>();
  const providers = new Set<object>();
  await walk(root, { modules, controllers, providers });
  return {
    nest: [...controllers].flatMap(routesOfController),
    plain: [...providers].flatMap((provider) => [...plainRoutesOf(provider)]),
  };
}

interface Found {
  modules: Set<object>;
  controllers: Set<Type>;
  providers: Set<object>;
}

async function walk(given: Module, found: Found): Promise<void> {
  const resolved = await given;
  const module = 'forwardRef' in resolved ? (resolved.forwardRef as () => Type)() : resolved;
  if (found.modules.has(module)) return;
  found.modules.add(module);
  const type = 'module' in module ? module.module : module;
  const parts = <T>(name: 'imports' | 'controllers' | 'providers'): T[] => [
    ...(('module' in module ? (module[name] as T[] | undefined) : undefined) ?? []),
    ...((Reflect.getMetadata(name, type) as T[] | undefined) ?? []),
  ];
  for (const controller of parts<Type>('controllers')) found.controllers.add(controller);
  for (const provider of parts<Type | { useClass?: Type; useFactory?: unknown }>('providers')) {
    if (typeof provider === 'function') found.providers.add(provider);
    else if (provider.useClass) found.providers.add(provider.useClass);
  }
  for (const imported of parts<Module>('imports')) await walk(imported, found);
}

function routesOfController(controller: Type): NestRoute[] {
  const prefixes = asList(Reflect.getMetadata('path', controller));
  const prototype = controller.prototype as Record<string, object | undefined>;
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
  return names.flatMap((name) => {
    const handler = prototype[name];
    if (typeof handler !== 'function' || !Reflect.hasMetadata('path', handler)) return [];
    const route = { ...describeHandler(controller, name, handler) };
    const paths = asList(Reflect.getMetadata('path', handler));
    return prefixes.flatMap((prefix) => paths.map((path) => ({ ...route, path: joined(prefix, path) })));
  });
}

function describeHandler(controller: Type, handlerName: string, handler: object): Omit<NestRoute, 'path'> {
  const method = RequestMethod[Reflect.getMetadata('method', handler) as number];
  const description = descriptionOf(handler);
  const code = Reflect.getMetadata('__httpCode__', handler) as number | undefined;
  return {
    method: method.toLowerCase(),
    controller,
    handlerName,
    description,
    status: description?.status ?? code ?? (method === 'POST' ? 201 : 200),
    errorFormat: errorFormatOf(handler, controller) ?? 'problem',
    role: skipsAuth(handler, controller) ? undefined : (requiredRole(handler, controller) ?? defaultRole(method)),
    ...parametersOf(controller, handlerName),
  };
}

const BODY = '3';
const QUERY = '4';

// What Nest keeps of a route's parameters: `<kind>:<index>`, with the pipes and, for our own decorators, the factory.
function parametersOf(controller: Type, name: string): Pick<NestRoute, 'bodyDto' | 'queryDto' | 'readsRawBody'> {
  const kept = (Reflect.getMetadata('__routeArguments__', controller, name) ?? {}) as Record<
    string,
    { pipes?: unknown[]; factory?: unknown }
  >;
  const found: Pick<NestRoute, 'bodyDto' | 'queryDto' | 'readsRawBody'> = {
    bodyDto: undefined,
    queryDto: undefined,
    readsRawBody: false,
  };
  for (const [key, { pipes = [], factory }] of Object.entries(kept)) {
    const pipe = pipes.find((candidate) => candidate instanceof DtoPipe);
    if (pipe && key.startsWith(`${BODY}:`)) found.bodyDto = pipe.dto;
    if (pipe && key.startsWith(`${QUERY}:`)) found.queryDto = pipe.dto;
    if (factory !== undefined && isRawBody(factory)) found.readsRawBody = true;
  }
  return found;
}

function asList(path: unknown): string[] {
  return Array.isArray(path) ? (path as string[]) : [typeof path === 'string' ? path : ''];
}

function joined(prefix: string, path: string): string {
  const parts = [prefix, path].map((part) => part.replace(/^\/+|\/+$/g, '')).filter((part) => part !== '');
  return `/${parts.join('/')}`;
}
