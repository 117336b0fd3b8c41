// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata';
import type { Role } from './principal';

const REQUIRES = Symbol('millrace:requires');
const SKIP = Symbol('millrace:skip-auth');

/** The role that a door (HTTP route or RPC) asks for in the caller's workspace; on a class it is the default of its methods. */
export function Requires(role: Role): MethodDecorator & ClassDecorator {
  return (target: object, _key?: string | symbol, descriptor?: PropertyDescriptor) => {
    Reflect.defineMetadata(REQUIRES, role, (descriptor?.value as object | undefined) ?? target);
  };
}

/** The door identifies its callers itself (API keys) or is public: the principal is NOBODY and no role is asked for. */
export function SkipAuth(): MethodDecorator & ClassDecorator {
  return (target: object, _key?: string | symbol, descriptor?: PropertyDescriptor) => {
    Reflect.defineMetadata(SKIP, true, (descriptor?.value as object | undefined) ?? target);
  };
}

export function requiredRole(handler: object, controller: object): Role | undefined {
  return (Reflect.getMetadata(REQUIRES, handler) ?? Reflect.getMetadata(REQUIRES, controller)) as Role | undefined;
}

export function skipsAuth(handler: object, controller: object): boolean {
  return Reflect.getMetadata(SKIP, handler) === true || Reflect.getMetadata(SKIP, controller) === true;
}
