// SPDX-License-Identifier: Apache-2.0
import { RegistryErrors } from '../registry.errors';

export function experimentNotFound(experimentId: string): Error {
  return RegistryErrors.EXPERIMENT_NOT_FOUND(`No Experiment with id=${experimentId} exists`, { experimentId });
}

export function experimentExists(name: string, cause?: unknown): Error {
  return RegistryErrors.EXPERIMENT_EXISTS(`Experiment(name=${name}) already exists.`, { name }, cause);
}
