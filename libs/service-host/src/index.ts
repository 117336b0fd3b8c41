// SPDX-License-Identifier: Apache-2.0
export { buildVersion } from './build-version';
export { FatalErrors } from './fatal-errors';
export { RpcClients } from './rpc-clients';
export { runService } from './run-service';
export type { RunOptions } from './run-service';
export { SERVICE_DEFINITION } from './service-definition';
export type { ServiceDefinition } from './service-definition';
export { ProcessModule, ServiceModule } from './service.module';
export { startService } from './start-service';
export type { RunningService, StartOptions } from './start-service';
