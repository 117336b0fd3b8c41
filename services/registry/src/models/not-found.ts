// SPDX-License-Identifier: Apache-2.0
import { RegistryErrors } from '../registry.errors';

export function modelNotFound(name: string): Error {
  return RegistryErrors.MODEL_NOT_FOUND(`Registered Model with name=${name} not found`, { name });
}

export function versionNotFound(name: string, version: number | string): Error {
  return RegistryErrors.VERSION_NOT_FOUND(`Model Version (name=${name}, version=${version}) not found`, { name, version });
}

export function aliasNotFound(name: string, alias: string): Error {
  return RegistryErrors.ALIAS_NOT_FOUND(`Registered model alias ${alias} not found.`, { name, alias });
}
