// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import { loadSettings, ProcessSettings, type SettingsClass } from '#libs/config';
import { openApiDocument, type OpenApiDocument } from '#libs/http';
import { buildVersion, SERVICE_DEFINITION, type ServiceDefinition } from '#libs/service-host';

const services = join(__dirname, '..', '..', 'services');

// Asked for by the settings; nothing connects to it.
const UNUSED = { DATABASE_URL: 'postgres://unused', EVENT_LOG_URL: 'postgres://unused' };

/** Names of all services. */
export function serviceNames(): string[] {
  return readdirSync(services).sort();
}

/** The class of a service's settings. */
export function settingsClassOf(service: string): SettingsClass<ProcessSettings> {
  const exported = Object.values(load(join(services, service, 'src', 'config')));
  const settingsClass = exported.find((value) => typeof value === 'function' && value.prototype instanceof ProcessSettings);
  if (!settingsClass) throw new Error(`services/${service}/src/config exports no settings class`);
  return settingsClass as SettingsClass<ProcessSettings>;
}

/** Module and settings of a service, as its main would make them; nothing is instantiated, opened or listened to. */
export function serviceModule(
  service: string,
  env: Record<string, string> = UNUSED,
): { module: DynamicModule; settings: ProcessSettings } {
  const { AppModule } = load(join(services, service, 'src', 'app.module')) as unknown as {
    AppModule: { forRoot(settings: object): DynamicModule };
  };
  const settings = loadSettings(settingsClassOf(service), env);
  return { module: AppModule.forRoot(settings), settings };
}

/** The OpenAPI document of a service, out of its module. */
export async function serviceDocument(service: string): Promise<OpenApiDocument> {
  const { module } = serviceModule(service);
  const { http } = definitionOf(module);
  const versionRoute = http?.versionRoute === undefined ? {} : { versionRoute: http.versionRoute };
  return openApiDocument(module, { service, version: buildVersion(), ...versionRoute });
}

function definitionOf(module: DynamicModule): Pick<ServiceDefinition, 'http'> {
  const imports = (module.imports ?? []) as DynamicModule[];
  const providers = imports.flatMap((imported) => (imported.providers ?? []) as { provide?: unknown; useValue?: unknown }[]);
  return providers.find(({ provide }) => provide === SERVICE_DEFINITION)?.useValue ?? {};
}

function load(file: string): Record<string, { prototype?: unknown }> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- which services there are is data, not code
  return require(file) as Record<string, { prototype?: unknown }>;
}
