// SPDX-License-Identifier: Apache-2.0
import { AppError, type ErrorDetails, type ErrorKind, type Retry } from './app-error';

/** Declaration of one code; `help` is the line of the generated table docs/error-codes.md. */
export interface ErrorDeclaration {
  kind: ErrorKind;
  retry: Retry;
  help: string;
}

/** Makes an error of one code. */
export type ErrorFactory = (message: string, details?: ErrorDetails, cause?: unknown) => AppError;

export interface ErrorCodeEntry extends ErrorDeclaration {
  code: string;
}

const registered = new Map<string, ErrorCodeEntry>();

/**
 * Declares the error codes of one prefix: `defineErrors('REGISTRY', { VERSION_CONFLICT: {...} })` gives code
 * 'REGISTRY.VERSION_CONFLICT'. Declaring a code again with another meaning throws: codes are part of the contract.
 */
export function defineErrors<Names extends string>(
  prefix: string,
  declarations: Record<Names, ErrorDeclaration>,
): Record<Names, ErrorFactory> {
  if (!/^[A-Z][A-Z0-9_]*$/.test(prefix)) throw new TypeError(`error prefix ${JSON.stringify(prefix)} is not UPPER_SNAKE`);
  const factories = {} as Record<Names, ErrorFactory>;
  for (const name of Object.keys(declarations) as Names[]) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(name)) throw new TypeError(`error name ${JSON.stringify(name)} is not UPPER_SNAKE`);
    const declaration = declarations[name];
    const code = `${prefix}.${name}`;
    register({ code, ...declaration });
    factories[name] = (message, details, cause) =>
      new AppError({ code, kind: declaration.kind, retry: declaration.retry, message, details, cause });
  }
  return factories;
}

/** Every code declared by the modules loaded so far, sorted. */
export function listErrorCodes(): ErrorCodeEntry[] {
  return [...registered.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** The declaration of a code, when this process knows it. */
export function findErrorCode(code: string): ErrorCodeEntry | undefined {
  return registered.get(code);
}

function register(entry: ErrorCodeEntry): void {
  const known = registered.get(entry.code);
  if (known && (known.kind !== entry.kind || known.retry !== entry.retry || known.help !== entry.help)) {
    throw new TypeError(`error code ${entry.code} is declared twice with different meanings`);
  }
  registered.set(entry.code, entry);
}
