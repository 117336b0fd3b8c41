// SPDX-License-Identifier: Apache-2.0
import { Body, type PipeTransform, Query } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { type FieldViolation, invalidFields } from '#libs/errors';

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
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Buffer.isBuffer(value)) {
    throw invalidFields({ field: where, message: 'must be a JSON object' });
  }
  const instance = plainToInstance(dto, value);
  const faults = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
  if (faults.length > 0) throw invalidFields(...faults.flatMap((fault) => violationsOf(fault, '')));
  return instance;
}

class DtoPipe<T extends object> implements PipeTransform {
  constructor(
    private readonly dto: DtoClass<T>,
    private readonly read: (value: unknown) => unknown,
  ) {}

  transform(value: unknown): T {
    return validate(this.dto, this.read(value ?? {}));
  }
}

function violationsOf(fault: ValidationError, parent: string): FieldViolation[] {
  const field = /^\d+$/.test(fault.property)
    ? `${parent}[${fault.property}]`
    : parent
      ? `${parent}.${fault.property}`
      : fault.property;
  const own = Object.entries(fault.constraints ?? {}).map(([rule, message]) => ({
    field,
    message: wording(rule, message, fault.property),
  }));
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
