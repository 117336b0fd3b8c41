// SPDX-License-Identifier: Apache-2.0
import { Readable } from 'node:stream';
import { Body, type PipeTransform, Query } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { CommonErrors, type FieldViolation, invalidFields } from '#libs/errors';
import { IS_TEXT_MAP, wrongTexts } from './text-map';

type DtoClass<T extends object> = new () => T;

/** `@ValidBody(CreateJobBody) body: CreateJobBody`: refuses unknown and wrong fields, each by its path (`steps[2].name`). */
export function ValidBody<T extends object>(dto: DtoClass<T>): ParameterDecorator {
  return Body(new DtoPipe(dto, (value) => value));
}

/** Like ValidBody for the query string; numbers and booleans are read from text by the type of the property. */
export function ValidQuery<T extends object>(dto: DtoClass<T>): ParameterDecorator {
  return Query(new DtoPipe(dto, (value) => readQuery(dto, value)));
}

/** Checks a plain object against a DTO class. Throws COMMON.INVALID_ARGUMENT with every wrong field. */
export function validate<T extends object>(dto: DtoClass<T>, value: unknown, where = 'body'): T {
  if (!isPlainObject(value)) {
    throw invalidFields({ field: where, message: 'must be a JSON object' });
  }
  const instance = plainToInstance(dto, value);
  const faults = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
  if (faults.length > 0) throw invalidFields(...faults.flatMap((fault) => violationsOf(fault, '')));
  dropNulls(instance);
  return instance;
}

// Validators let null pass in an optional field; handlers know only "absent".
function dropNulls(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) return void value.forEach(dropNulls);
  // Fields of a free-form object mean what the caller says, null included.
  const isDto = Object.getPrototypeOf(value) !== Object.prototype;
  if (!isDto) return;
  for (const [name, inner] of Object.entries(value)) {
    if (inner === null) delete (value as Record<string, unknown>)[name];
    else dropNulls(inner);
  }
}

// Only what a parser made: class-transformer clones whatever it is given, and the clone of a socket aborts the process.
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // By name as well: a parser in another realm (jest's) has an Object of its own. Query strings have no prototype.
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

/** Reads a body or a query by its DTO; the document generator asks it for the class. */
export class DtoPipe<T extends object = object> implements PipeTransform {
  constructor(
    readonly dto: DtoClass<T>,
    private readonly read: (value: unknown) => unknown,
  ) {}

  transform(value: unknown): T {
    if (value instanceof Readable) throw CommonErrors.UNSUPPORTED_MEDIA_TYPE('this route reads application/json');
    // No body at all is an empty one; a body that says null is not.
    return validate(this.dto, this.read(value === undefined ? {} : value));
  }
}

function violationsOf(fault: ValidationError, parent: string): FieldViolation[] {
  const field = /^\d+$/.test(fault.property)
    ? `${parent}[${fault.property}]`
    : parent
      ? `${parent}.${fault.property}`
      : fault.property;
  const own = Object.entries(fault.constraints ?? {}).flatMap(([rule, message]) => {
    const wrong = rule === IS_TEXT_MAP ? wrongTexts(fault.value) : [];
    if (wrong.length > 0) return wrong.map((name) => ({ field: `${field}.${name}`, message: 'must be text' }));
    return { field, message: wording(rule, message, fault.property) };
  });
  return [...own, ...(fault.children ?? []).flatMap((child) => violationsOf(child, field))];
}

function wording(rule: string, message: string, property: string): string {
  if (rule === 'whitelistValidation') return 'unknown field';
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}

// A query string has only text. Text that does not fit is left as it is, so that the validator names it.
function readQuery<T extends object>(dto: DtoClass<T>, query: unknown): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries((query ?? {}) as Record<string, unknown>)) {
    const type = Reflect.getMetadata('design:type', dto.prototype as object, name) as unknown;
    if (type === Number && typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)))
      values[name] = Number(value);
    else if (type === Boolean && /^(true|false)$/i.test(String(value))) values[name] = String(value).toLowerCase() === 'true';
    else if (type === Array && !Array.isArray(value)) values[name] = [value];
    else values[name] = value;
  }
  return values;
}
