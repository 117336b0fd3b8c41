// SPDX-License-Identifier: Apache-2.0
import type { Twist } from './world';

/** A private method of a class, as a mutation sees it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- mutations reach into private parts on purpose
export type Self = any;
type Method = (this: Self, ...args: Self[]) => unknown;

/** One way to break the code. The simulator must notice it. */
export interface Mutant {
  name: string;
  /** Where it shows; default: messaging. */
  world?: 'intents' | 'jobs' | 'training' | 'webhooks';
  twist?: Twist;
  /** Replaces a method; gives the function that puts it back. */
  apply?: () => () => void;
}

/** A mutation of a method. */
export function replaceMethod(owner: { prototype: object }, name: string, make: (original: Method) => Method): () => () => void {
  return () => {
    const target = owner.prototype as Record<string, Method>;
    const original = target[name];
    if (typeof original !== 'function') throw new Error(`there is no method ${name} to mutate`);
    target[name] = make(original);
    return () => {
      target[name] = original;
    };
  };
}

/** Replaces a part of one statement. When no statement has it any more the mutation changes nothing, and its spec says that it was not noticed. */
export function replaceSql(part: string, by: string): Twist {
  return { sql: (sql) => sql.replace(part, by) };
}
