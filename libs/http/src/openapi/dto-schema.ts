// SPDX-License-Identifier: Apache-2.0
import { defaultMetadataStorage } from 'class-transformer/cjs/storage';
import { IS_DATE_STRING, IS_ISO8601, ValidationTypes } from 'class-validator';
import { targetConstructorToSchema } from 'class-validator-jsonschema';
import { IS_TEXT_MAP } from '../text-map';
import type { JsonSchema } from './schema';

type Class = new () => object;

/**
 * The JSON schema of a DTO class, out of its validators. It says what `validate` does: unknown fields are refused, and null in an
 * optional field counts as absent.
 */
export function dtoSchema(dto: Class): JsonSchema {
  const raw = targetConstructorToSchema(dto, {
    classTransformerMetadataStorage: defaultMetadataStorage,
    additionalConverters: {
      [ValidationTypes.NESTED_VALIDATION]: (meta) => nested(meta.target as Class, meta.propertyName),
      [IS_TEXT_MAP]: { type: 'object', additionalProperties: { type: 'string' } },
      [IS_DATE_STRING]: { type: 'string', format: 'date-time' },
      [IS_ISO8601]: { type: 'string', format: 'date-time' },
    },
  }) as { properties?: Record<string, JsonSchema>; required?: string[] };
  const required = raw.required ?? [];
  const properties = Object.entries(raw.properties ?? {}).map(([name, schema]) => [
    name,
    required.includes(name) ? clean(schema) : orNull(clean(schema)),
  ]);
  return {
    type: 'object',
    properties: Object.fromEntries(properties) as Record<string, JsonSchema>,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

function nested(target: Class, property: string): JsonSchema {
  const type = defaultMetadataStorage.findTypeMetadata(target, property);
  const child: unknown =
    type?.typeFunction() ?? (Reflect.getMetadata('design:type', target.prototype as object, property) as Class);
  // The caller wraps it in an array when the validator says `each`.
  return dtoSchema(child as Class);
}

// `{type: array, items}` of `each` validators merges with the array's own schema; what is left is JSON Schema already.
function clean(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema)) as JsonSchema;
}

function orNull(schema: JsonSchema): JsonSchema {
  if (typeof schema.type !== 'string') return { anyOf: [schema, { type: 'null' }] };
  return {
    ...schema,
    type: [schema.type, 'null'],
    ...(Array.isArray(schema.enum) ? { enum: [...(schema.enum as unknown[]), null] } : {}),
  };
}
