// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata';

/** What a default may depend on. */
export interface DefaultContext {
  /** Name of the service, such as 'data-prep'. */
  service: string;
  /** Settings that were declared before this one, already read. */
  settings: Record<string, unknown>;
}

type SettingValue = string | number | boolean | string[];

export interface SettingOptions {
  /** One line for people: what it does, in which unit. */
  doc: string;
  /** Value when the variable is unset or empty. Without one the variable is required (unless `optional`). */
  default?: SettingValue | ((context: DefaultContext) => SettingValue | undefined);
  /** How the generated table words a computed default. */
  defaultDoc?: string;
  /** Name of the environment variable; by default the property in UPPER_SNAKE. */
  env?: string;
  /** Never printed. */
  secret?: boolean;
  /** May stay undefined. */
  optional?: boolean;
  /** Shape of the value when the property's own type does not tell: lists are separated by commas. */
  type?: 'string' | 'number' | 'boolean' | 'list';
}

/** A setting as loaded and documented. */
export interface SettingEntry extends SettingOptions {
  property: string;
  env: string;
  type: 'string' | 'number' | 'boolean' | 'list';
}

const SETTINGS = Symbol('millrace:settings');

/**
 * Declares a property of a settings class as an environment variable. A subclass may declare a property again to change its
 * default or its doc line; it keeps its place in the table.
 */
export function Setting(options: SettingOptions): PropertyDecorator {
  return (target, key) => {
    const property = String(key);
    const declared = Reflect.getMetadata('design:type', target, key) as unknown;
    const own = new Map(Reflect.getMetadata(SETTINGS, target) as Map<string, SettingEntry> | undefined);
    own.set(property, {
      ...options,
      property,
      env: options.env ?? toEnvName(property),
      type: options.type ?? typeName(declared),
    });
    Reflect.defineMetadata(SETTINGS, own, target);
  };
}

/** Every setting of a class, base classes first, in the order of declaration. */
export function settingsOf(settingsClass: new () => object): SettingEntry[] {
  const entries = Reflect.getMetadata(SETTINGS, settingsClass.prototype as object) as Map<string, SettingEntry> | undefined;
  return [...(entries?.values() ?? [])];
}

/** approvalDaysMax -> APPROVAL_DAYS_MAX */
export function toEnvName(property: string): string {
  return property.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}

function typeName(declared: unknown): SettingEntry['type'] {
  if (declared === Number) return 'number';
  if (declared === Boolean) return 'boolean';
  if (declared === Array) return 'list';
  return 'string';
}
