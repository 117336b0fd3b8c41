// SPDX-License-Identifier: Apache-2.0
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { type DescField, type DescMessage, type FileRegistry, ScalarType } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { create } from '@bufbuild/protobuf';
import { fileDescriptors } from '#libs/contracts';
import { anything, boolean, int64, integer, type JsonSchema, list, number, text, time } from './schema';

let registry: FileRegistry | undefined;

/**
 * The schema of a message as our routes answer it: proto3 JSON, or the generated object with 64-bit integers as text. Fields with
 * default values may be left out, so none is required.
 */
export function protoSchema(typeName: string): JsonSchema {
  registry ??= createFileRegistry(
    create(FileDescriptorSetSchema, {
      file: Object.values(fileDescriptors).map((base64) => fromBinary(FileDescriptorProtoSchema, Buffer.from(base64, 'base64'))),
    }),
  );
  const message = registry.getMessage(typeName);
  if (!message) throw new TypeError(`no message ${typeName} in the contracts`);
  return messageSchema(message, []);
}

function messageSchema(message: DescMessage, above: readonly string[]): JsonSchema {
  if (message.typeName === 'google.protobuf.Timestamp') return time;
  if (message.typeName.startsWith('google.protobuf.') || above.includes(message.typeName)) return anything;
  const properties = message.fields.map((field) => [field.jsonName, fieldSchema(field, [...above, message.typeName])]);
  return { type: 'object', properties: Object.fromEntries(properties) as Record<string, JsonSchema> };
}

function fieldSchema(field: DescField, above: readonly string[]): JsonSchema {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarSchema(field.scalar);
    case 'enum':
      return { enum: field.enum.values.map(({ name }) => name) };
    case 'message':
      return messageSchema(field.message, above);
    case 'map':
      return { type: 'object', additionalProperties: valueSchema(field, above) };
    case 'list':
      return list(valueSchema(field, above));
  }
}

function valueSchema(field: DescField & { fieldKind: 'map' | 'list' }, above: readonly string[]): JsonSchema {
  const kind = field.fieldKind === 'map' ? field.mapKind : field.listKind;
  if (kind === 'scalar') return scalarSchema(field.scalar as ScalarType);
  if (kind === 'enum') return { enum: field.enum!.values.map(({ name }) => name) };
  return messageSchema(field.message!, above);
}

function scalarSchema(scalar: ScalarType): JsonSchema {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return text;
    case ScalarType.BOOL:
      return boolean;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return number;
    case ScalarType.INT32:
    case ScalarType.UINT32:
    case ScalarType.SINT32:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return integer;
    default:
      return int64;
  }
}
