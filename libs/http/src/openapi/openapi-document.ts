// SPDX-License-Identifier: Apache-2.0
import type { DynamicModule, Type } from '@nestjs/common';
import type { ErrorFormatName } from '../error-formats';
import type { PlainRoute, RouteDescription } from './describe-route';
import { dtoSchema } from './dto-schema';
import { ERROR_RESPONSES, ERROR_SCHEMAS } from './error-responses';
import { type NestRoute, routesOf } from './nest-routes';
import { entityName, type JsonSchema } from './schema';
import { systemRoutes } from './system-operations';

export interface OpenApiOptions {
  service: string;
  version: string;
  /** False where the service answers /version in another protocol's words. */
  versionRoute?: boolean;
}

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string };
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, unknown>;
  tags: { name: string }[];
}

/** One operation, as far as our code reads it again. */
export interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  responses: Record<string, unknown>;
  [field: string]: unknown;
}

const WORKSPACE_PARAMETER = {
  name: 'x-millrace-workspace',
  in: 'header',
  required: false,
  description: 'The workspace that the request is about; `default` when absent. A path prefix /w/<workspace> says the same.',
  schema: { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' },
};

/** The document of a service, out of its module alone: nothing is instantiated. Throws TypeError for a route without an entry. */
export async function openApiDocument(module: DynamicModule | Type<unknown>, options: OpenApiOptions): Promise<OpenApiDocument> {
  const { nest, plain } = await routesOf(module);
  const schemas: Record<string, JsonSchema> = { ...ERROR_SCHEMAS };
  const paths: OpenApiDocument['paths'] = {};
  const ids = new Map<string, string>();
  const add = (path: string, method: string, operation: Operation): void => {
    const at = `${method.toUpperCase()} ${path}`;
    if (ids.has(operation.operationId))
      throw new TypeError(`${at} and ${ids.get(operation.operationId)} are both ${operation.operationId}`);
    ids.set(operation.operationId, at);
    paths[path] = { ...paths[path], [method]: operation };
  };
  for (const route of plain) add(route.address, route.method, plainOperation(route));
  for (const route of nest) add(route.path.replace(/:(\w+)/g, '{$1}'), route.method, nestOperation(route, schemas));
  for (const route of systemRoutes(options)) add(route.address, route.method, plainOperation(route));
  const tags = new Set(Object.values(paths).flatMap((operations) => Object.values(operations).flatMap(({ tags: [tag] }) => tag)));
  const hoisted = hoist(paths, schemas) as OpenApiDocument['paths'];
  return {
    openapi: '3.1.0',
    info: {
      title: `Millrace ${options.service}`,
      version: options.version,
      description: `The HTTP doors of the service ${options.service}. Errors are RFC 9457 problem documents unless a route says otherwise.`,
    },
    paths: Object.fromEntries(Object.entries(hoisted).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      responses: ERROR_RESPONSES,
      parameters: { workspace: WORKSPACE_PARAMETER },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of a person, a service or an API key.' },
      },
    },
    tags: [...tags].sort().map((name) => ({ name })),
  };
}

function nestOperation(route: NestRoute, schemas: Record<string, JsonSchema>): Operation {
  const { description, controller, handlerName, method, path } = route;
  if (!description?.summary)
    throw new TypeError(`${controller.name}.${handlerName} (${method.toUpperCase()} ${path}) lacks @Answers(...)`);
  const noun = path.split('/').filter((part) => part !== '' && !/^(api|ajax-api|v1|2\.0|mlflow|:.*)$/.test(part))[0] ?? 'pages';
  const alternative = path.startsWith('/ajax-api/') ? 'Ajax' : '';
  const body = description.body ?? (route.bodyDto && registered(route.bodyDto, schemas));
  const query = route.queryDto ? dtoSchema(route.queryDto) : description.query;
  return operation(
    { ...(description as RouteDescription), ...(body ? { body } : {}), ...(query ? { query } : {}) },
    {
      operationId: `${camelCase(controller.name.replace(/Http$/, ''))}${alternative}_${handlerName}${path === '/ui' ? 'Ui' : ''}`,
      tag: noun,
      path: path.replace(/:(\w+)/g, '{$1}'),
      status: route.status,
      errorFormat: route.errorFormat,
      role: route.role,
      open: route.role === undefined,
      bodyRequired: description.bodyRequired ?? (route.bodyDto === undefined || dtoSchema(route.bodyDto).required !== undefined),
    },
  );
}

function plainOperation(route: PlainRoute): Operation {
  return operation(route, {
    operationId: route.operationId,
    tag: route.tag,
    path: route.address,
    status: route.status ?? 200,
    errorFormat: route.errorFormat ?? 'problem',
    role: route.role,
    open: route.open ?? false,
    bodyRequired: route.bodyRequired ?? true,
  });
}

interface Door {
  operationId: string;
  tag: string;
  path: string;
  status: number;
  errorFormat: ErrorFormatName;
  role: string | undefined;
  open: boolean;
  bodyRequired: boolean;
}

function operation(description: RouteDescription, door: Door): Operation {
  const { body, bodyTypes } = description;
  const parameters = [...pathParameters(door.path, description.path ?? {}), ...queryParameters(description.query)];
  const content = bodyTypes ? Object.fromEntries(bodyTypes.map((type) => [type, {}])) : { 'application/json': { schema: body } };
  return {
    operationId: door.operationId,
    summary: description.summary,
    tags: [door.tag],
    ...(door.role ? { 'x-millrace-role': door.role } : {}),
    ...(door.open ? { security: [] } : { security: [{ token: [] }] }),
    parameters: [...parameters, ...(door.open ? [] : [{ $ref: '#/components/parameters/workspace' }])],
    ...(body || bodyTypes ? { requestBody: { required: door.bodyRequired, content } } : {}),
    responses: responses(description, door),
  };
}

function responses(description: RouteDescription, door: Door): Record<string, unknown> {
  const { answer, contentType = 'application/json' } = description;
  const found: Record<string, unknown> = {
    [door.status]: {
      description: description.summary,
      ...(answer ? { content: { [contentType]: { schema: answer } } } : {}),
    },
  };
  for (const [status, also] of Object.entries(description.alsoAnswers ?? {})) {
    const media = also.schema ? { content: { [also.contentType ?? 'application/json']: { schema: also.schema } } } : {};
    found[status] = { description: also.description, ...media };
  }
  for (const status of errorStatuses(description, door)) {
    found[status] ??= { $ref: `#/components/responses/${door.errorFormat}${status}` };
  }
  return found;
}

// Which errors a route may answer follows from what it reads. 500 is in no list: it is a bug wherever it comes from.
function errorStatuses({ body, bodyTypes, query }: RouteDescription, door: Door): number[] {
  if (door.open && !body && !query && !door.path.includes('{')) return [];
  const writes = body !== undefined || bodyTypes !== undefined;
  const named = door.path.includes('{') || writes || query !== undefined;
  return [
    400,
    ...(door.open ? [] : [401, 403]),
    ...(named ? [404] : []),
    // An empty parameter makes it another path, which may know other methods.
    ...(door.path.includes('{') ? [405] : []),
    ...(writes ? [408, 409, 412, 413, 415] : []),
    ...(named && !writes ? [409, 412] : []),
    429,
    503,
    504,
  ];
}

function pathParameters(path: string, schemas: Readonly<Record<string, JsonSchema>>): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: schemas[name] ?? { type: 'string', minLength: 1 },
  }));
}

function queryParameters(query: JsonSchema | undefined): object[] {
  if (!query) return [];
  const required = (query.required as string[] | undefined) ?? [];
  return Object.entries(query.properties as Record<string, JsonSchema>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: withoutNull(schema),
  }));
}

// A query string has no null.
function withoutNull(schema: JsonSchema): JsonSchema {
  const { type, anyOf, enum: values } = schema as { type?: unknown; anyOf?: JsonSchema[]; enum?: unknown[] };
  if (Array.isArray(anyOf) && anyOf.length === 2 && anyOf[1].type === 'null') return anyOf[0];
  if (!Array.isArray(type)) return schema;
  const types = type.filter((one) => one !== 'null');
  return {
    ...schema,
    type: types.length === 1 ? (types[0] as string) : types,
    ...(values ? { enum: values.filter((value) => value !== null) } : {}),
  };
}

// Entities are written once and referred to.
function hoist(value: unknown, schemas: Record<string, JsonSchema>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => hoist(item, schemas));
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hoist(inner, schemas)]));
  const name = entityName(value);
  return name === undefined ? copy : keep(name, copy, schemas);
}

function keep(name: string, schema: JsonSchema, schemas: Record<string, JsonSchema>): JsonSchema {
  const known = schemas[name];
  if (known && JSON.stringify(known) !== JSON.stringify(schema)) throw new TypeError(`two schemas are called ${name}`);
  schemas[name] = schema;
  return { $ref: `#/components/schemas/${name}` };
}

function registered(dto: new () => object, schemas: Record<string, JsonSchema>): JsonSchema {
  return keep(dto.name, dtoSchema(dto), schemas);
}

function camelCase(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
