// SPDX-License-Identifier: Apache-2.0
import { create, type DescEnum, type DescField, type DescMessage, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import fc, { type Arbitrary } from 'fast-check';

type Init = Record<string, unknown>;

/** Texts that break careless code: separators, control characters, paths, SQL, HTML, templates, long ones, and names that objects have. */
export const HOSTILE_TEXTS = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\n\r\t',
  '\u202e\ufeff\u2028',
  '😀'.repeat(40),
  '../../../../etc/passwd',
  '..\\..\\x',
  '%2e%2e%2f',
  "'; drop table datasets; --",
  '" or 1=1',
  '<script>alert(1)</script>',
  '${7*7}{{7*7}}',
  '__proto__',
  'constructor',
  'toString',
  'a'.repeat(70_000),
  'NaN',
  '-0',
  '1e400',
  '99999999999999999999',
  'null',
  '[]',
  '{"a":{"b":[[[[[[]]]]]]}}',
  'http://169.254.169.254/latest/meta-data',
  'file:///etc/passwd',
  'models:/x@y',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '0'.repeat(64),
];

const INT32 = [0, 1, -1, 2, 1000, 2 ** 31 - 1, -(2 ** 31)];
const INT64 = [0n, 1n, -1n, 100n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const DOUBLES = [0, -0, 1, -1, 0.5, Number.NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE];
const DEPTH_MAX = 4;

/** Any message of a type: fields missing, at their limits, hostile, or with a text out of `known` (ids that exist). */
export function anyMessage(desc: DescMessage, known: () => readonly string[]): Arbitrary<MessageShape<DescMessage>> {
  return anyInit(desc, known, 0).map((init) => create(desc, init));
}

function anyInit(desc: DescMessage, known: () => readonly string[], depth: number): Arbitrary<Init> {
  const special = wellKnown(desc);
  if (special) return special;
  const parts: Record<string, Arbitrary<unknown>> = {};
  for (const member of desc.members) {
    if (member.kind === 'oneof') {
      const cases = member.fields.map((field) =>
        anyField(field, known, depth).map((value) => ({ case: field.localName, value })),
      );
      parts[member.localName] = fc.option(fc.oneof(...cases), { nil: { case: undefined } });
    } else {
      parts[member.localName] = fc.option(anyField(member, known, depth), { nil: undefined, freq: 4 });
    }
  }
  return fc.record(parts).map((init) => Object.fromEntries(Object.entries(init).filter(([, value]) => value !== undefined)));
}

function anyField(field: DescField, known: () => readonly string[], depth: number): Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'scalar':
      return anyScalar(field.scalar, known);
    case 'enum':
      return anyEnum(field.enum);
    case 'message':
      return nested(field.message, known, depth);
    case 'list': {
      const item =
        field.listKind === 'scalar'
          ? anyScalar(field.scalar, known)
          : field.listKind === 'enum'
            ? anyEnum(field.enum)
            : nested(field.message, known, depth);
      return fc.oneof({ weight: 9, arbitrary: fc.array(item, { maxLength: 3 }) }, { weight: 1, arbitrary: many(item) });
    }
    case 'map': {
      const value =
        field.mapKind === 'scalar'
          ? anyScalar(field.scalar, known)
          : field.mapKind === 'enum'
            ? anyEnum(field.enum)
            : nested(field.message, known, depth);
      return fc.dictionary(fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('', '__proto__', 'a\0')), value, {
        maxKeys: 3,
      });
    }
  }
}

function many(item: Arbitrary<unknown>): Arbitrary<unknown[]> {
  return item.map((one) => Array.from({ length: 2_000 }, () => one));
}

function nested(desc: DescMessage, known: () => readonly string[], depth: number): Arbitrary<unknown> {
  if (depth >= DEPTH_MAX) return fc.constant(create(desc));
  return anyInit(desc, known, depth + 1).map((init) => create(desc, init));
}

// Their JavaScript shapes are not those of their fields, or only few values are legal at all.
function wellKnown(desc: DescMessage): Arbitrary<Init> | undefined {
  if (desc.typeName === 'google.protobuf.Timestamp') {
    return fc.record({
      seconds: fc.constantFrom(0n, 1_763_900_000n, -62_135_596_800n, 253_402_300_799n, 2n ** 63n - 1n, -(2n ** 63n)),
      nanos: fc.constantFrom(0, 999_999_999, -1, 2 ** 31 - 1),
    });
  }
  if (desc.typeName === 'google.protobuf.Struct') return fc.constant({});
  return undefined;
}

function anyEnum(desc: DescEnum): Arbitrary<number> {
  return fc.oneof(fc.constantFrom(...desc.values.map(({ number }) => number)), fc.constantFrom(99, -1, 2 ** 31 - 1));
}

function anyScalar(type: ScalarType, known: () => readonly string[]): Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING: {
      const existing = fc.nat().map((n) => known()[n % Math.max(1, known().length)] ?? 'x');
      return fc.oneof(
        { weight: 5, arbitrary: existing },
        { weight: 4, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
        { weight: 2, arbitrary: fc.string({ maxLength: 40 }) },
      );
    }
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 300 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return fc.constantFrom(...(type === ScalarType.FLOAT ? DOUBLES.filter((n) => n !== Number.MAX_VALUE) : DOUBLES));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.constantFrom(...INT64);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.constantFrom(0n, 1n, 100n, 2n ** 53n, 2n ** 64n - 1n);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.constantFrom(0, 1, 50, 1000, 2 ** 32 - 1);
    default:
      return fc.constantFrom(...INT32);
  }
}

/** Bytes that were a message: cut, flipped, repeated, lengthened, or noise. */
export function brokenBytes(encoded: Arbitrary<Buffer>): Arbitrary<Buffer> {
  return fc.tuple(encoded, fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 4 })).map(([bytes, place, value, kind]) => {
    const at = bytes.length === 0 ? 0 : place % bytes.length;
    if (kind === 0) return bytes.subarray(0, at);
    if (kind === 1) return Buffer.concat([bytes.subarray(0, at), Buffer.from([value]), bytes.subarray(at + 1)]);
    if (kind === 2) return Buffer.concat([bytes, bytes]);
    if (kind === 3) return Buffer.concat([bytes, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f, value])]);
    return Buffer.from(Array.from({ length: 1 + (place % 200) }, (_, n) => (n * 31 + value) % 256));
  });
}
