// SPDX-License-Identifier: Apache-2.0

/** 'register-model-version' -> 'RegisterModelVersion'. */
export function toPascal(kebab: string): string {
  return kebab.replace(/(^|-)([a-z0-9])/g, (_match, _dash, letter: string) => letter.toUpperCase());
}

/** 'model-version' -> 'modelVersion'. */
export function toCamel(kebab: string): string {
  const pascal = toPascal(kebab);
  return pascal.charAt(0).toLowerCase() + pascal.slice(1);
}

/** The plural that names a folder: 'policy' -> 'policies', 'alias' -> 'aliases', 'model' -> 'models'. */
export function toPlural(noun: string): string {
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`;
}
