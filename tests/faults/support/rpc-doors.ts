// SPDX-License-Identifier: Apache-2.0
import { dataprep, gateway, ingestion, monitoring, registry, training } from '#libs/contracts';
import { toAppError } from '#libs/errors';
import { createRpcClient } from '#libs/rpc';
import type { ServiceName } from '../../../deploy/local/processes';

/** A replica that closed its doors: that client asks another one. */
export const NOT_LET_IN = 'not let in';

export interface RpcDoor {
  /** One read: OK, NOT_LET_IN, or the code of what went wrong. */
  ask: () => Promise<string>;
  close: () => void;
}

const DEADLINE_MS = 5_000;

/** A read of each service by gRPC, without repetitions. */
export const rpcDoors: Record<ServiceName, (address: string, workspace: string) => RpcDoor> = {
  gateway: (address, workspace) => {
    const client = createRpcClient(gateway.EndpointServiceService, { address, service: 'faults' });
    const request = gateway.ListEndpointsRequest.fromPartial({});
    return door(() => client.listEndpoints(request, { workspace, deadlineMs: DEADLINE_MS }), client);
  },
  ingestion: (address, workspace) => {
    const client = createRpcClient(ingestion.DatasetServiceService, { address, service: 'faults' });
    const request = ingestion.ListDatasetsRequest.fromPartial({});
    return door(() => client.listDatasets(request, { workspace, deadlineMs: DEADLINE_MS }), client);
  },
  'data-prep': (address, workspace) => {
    const client = createRpcClient(dataprep.ProfileServiceService, { address, service: 'faults' });
    const request = dataprep.ListProfilesRequest.fromPartial({});
    return door(() => client.listProfiles(request, { workspace, deadlineMs: DEADLINE_MS }), client);
  },
  training: (address, workspace) => {
    const client = createRpcClient(training.JobServiceService, { address, service: 'faults' });
    const request = training.ListJobsRequest.fromPartial({});
    return door(() => client.listJobs(request, { workspace, deadlineMs: DEADLINE_MS }), client);
  },
  registry: (address, workspace) => {
    const client = createRpcClient(registry.ModelServiceService, { address, service: 'faults' });
    const request = registry.ListRegisteredModelsRequest.fromPartial({});
    return door(() => client.listRegisteredModels(request, { workspace, deadlineMs: DEADLINE_MS }), client);
  },
  monitoring: (address, workspace) => {
    const client = createRpcClient(monitoring.FeedbackServiceService, { address, service: 'faults' });
    const request = monitoring.ListFeedbackRequest.fromPartial({});
    return door(() => client.listFeedback(request, { workspace, deadlineMs: DEADLINE_MS }), client);
  },
};

function door(call: () => Promise<unknown>, client: { close(): void }): RpcDoor {
  const ask = async (): Promise<string> => {
    try {
      await call();
      return 'OK';
    } catch (error) {
      const { kind, code } = toAppError(error);
      return kind === 'unavailable' ? NOT_LET_IN : code;
    }
  };
  return { ask, close: () => client.close() };
}
