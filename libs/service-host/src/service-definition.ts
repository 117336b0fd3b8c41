// SPDX-License-Identifier: Apache-2.0
import type { Type } from '@nestjs/common';
import type { Clock, Ids } from '#libs/clock';
import type { ProcessSettings } from '#libs/config';
import type { EventConsumer } from '#libs/messaging';
import type { Logger } from '#libs/observability';
import type { MigrationClass } from '#libs/persistence';

/** What makes a process this service. */
export interface ServiceDefinition {
  /** Name as in folder, database, topics and metrics: 'data-prep'. */
  service: string;
  /** A ServiceSettings gives database, events and gRPC; a plain ProcessSettings only HTTP, blobs and identity. */
  settings: ProcessSettings;
  /** The service's own; the libs' tables are added. */
  migrations?: readonly MigrationClass[];
  /** Classes that an imported module provides. */
  consumers?: readonly Type<EventConsumer>[];
  /** Classes marked with @RpcController that an imported module provides. */
  rpc?: readonly Type<object>[];
  http?: {
    /** False where the service answers /version itself (MLflow's protocol). */
    versionRoute?: boolean;
  };
  /** Replacements of single ports, for tests. */
  overrides?: { clock?: Clock; ids?: Ids; logger?: Logger };
}

/** Token of the definition that the process was built from. */
export const SERVICE_DEFINITION = Symbol('millrace:service-definition');
