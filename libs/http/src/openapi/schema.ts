// SPDX-License-Identifier: Apache-2.0

/** A JSON Schema (2020-12), as OpenAPI 3.1 uses it. */
export type JsonSchema = { readonly [keyword: string]: unknown };

const OPTIONAL = Symbol('millrace:optional');
const NAME = Symbol('millrace:entity');
type Property = JsonSchema & { readonly [OPTIONAL]?: true };

/** Short words for the schemas of answers. Objects stay open: a reader must bear new fields. */
export const text: JsonSchema = { type: 'string' };
export const integer: JsonSchema = { type: 'integer' };
export const number: JsonSchema = { type: 'number' };
export const boolean: JsonSchema = { type: 'boolean' };
/** RFC 3339, UTC. */
export const time: JsonSchema = { type: 'string', format: 'date-time' };
/** 64-bit integers travel as text, so that no digit is lost. */
export const int64: JsonSchema = { type: 'string', pattern: '^-?\\d+$' };
export const anything: JsonSchema = {};
export const textMap: JsonSchema = { type: 'object', additionalProperties: { type: 'string' } };
export const anyObject: JsonSchema = { type: 'object' };

export function oneOf(...values: readonly (string | number)[]): JsonSchema {
  return { enum: [...values] };
}

export function list(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

export function nullable(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

/** A property that may be absent. */
export function optional(schema: JsonSchema): Property {
  return { ...schema, [OPTIONAL]: true };
}

/** An object; every property is there unless it is `optional(...)`. */
export function object(properties: Record<string, Property>): JsonSchema {
  const required = Object.keys(properties).filter((name) => properties[name][OPTIONAL] !== true);
  return { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
}

/** An object that refuses other fields: for request bodies. */
export function closedObject(properties: Record<string, Property>): JsonSchema {
  return { ...object(properties), additionalProperties: false };
}

/** `{items, nextPageToken}`: one page of a list; the token is empty on the last one. */
export function page(items: JsonSchema): JsonSchema {
  return object({ items: list(items), nextPageToken: text });
}

/** A schema that the document holds once, under this name. */
export function entity(name: string, schema: JsonSchema): JsonSchema {
  return { ...schema, [NAME]: name };
}

/** The name given by `entity`. */
export function entityName(schema: object): string | undefined {
  return (schema as { [NAME]?: string })[NAME];
}

/** `base` with more properties; no longer the entity that `base` is. */
export function extended(base: JsonSchema, properties: Record<string, Property>): JsonSchema {
  const more = object(properties);
  const { [NAME]: _name, ...rest } = base as JsonSchema & { [NAME]?: string };
  return {
    ...rest,
    properties: { ...(base.properties as object), ...properties },
    required: [...((base.required as string[] | undefined) ?? []), ...((more.required as string[] | undefined) ?? [])],
  };
}
