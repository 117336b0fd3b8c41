// SPDX-License-Identifier: Apache-2.0
export { createProcessCore, type CoreOverrides, type ProcessCore } from './process-core';
export { createServiceCore, type ServiceCore } from './service-core';
export {
  HostedProcess,
  ProcessModule,
  ServiceModule,
  type HttpDoorOptions,
  type ProcessModuleOptions,
  type ServiceModuleOptions,
} from './service.module';
export { startService, type StartedService } from './start-service';
export { runService, type RunOptions } from './run-service';
