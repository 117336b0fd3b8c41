// SPDX-License-Identifier: Apache-2.0
import { ValidateBy } from 'class-validator';

/** Name of the rule, for the document generator. */
export const IS_TEXT_MAP = 'isTextMap';

/** A field like `tags`: an object whose values are all text. Messages on the wire know no other values. */
export function IsTextMap(): PropertyDecorator {
  return ValidateBy({
    name: IS_TEXT_MAP,
    validator: { validate: isTextMap, defaultMessage: () => '$property must be an object whose values are text' },
  });
}

function isTextMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return wrongTexts(value).length === 0;
}

/** Names of the values in such a field that are no text; empty if it is no object at all. */
export function wrongTexts(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => (typeof inner === 'string' ? [] : [name]));
}
