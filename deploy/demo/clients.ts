// SPDX-License-Identifier: Apache-2.0
import { dataprep, gateway, ingestion, monitoring, registry, training } from '#libs/contracts';
import { createRpcClient } from '#libs/rpc';
import { grpcPort, httpPort, type ProcessName } from '../local/processes';

/** How each call is made: in one workspace, never without a deadline. */
export const call = { workspace: 'default', deadlineMs: 30_000 };

/** Public doors of the platform, as the demo's people use them. */
export function openClients(portBase: number, token: string) {
  const address = (name: ProcessName) => `127.0.0.1:${grpcPort(portBase, name)}`;
  const options = (name: ProcessName) => ({ address: address(name), service: 'demo', token: () => token });
  const clients = {
    datasets: createRpcClient(ingestion.DatasetServiceService, options('ingestion')),
    profiles: createRpcClient(dataprep.ProfileServiceService, options('data-prep')),
    recipes: createRpcClient(dataprep.RecipeServiceService, options('data-prep')),
    jobs: createRpcClient(training.JobServiceService, options('training')),
    evaluations: createRpcClient(training.EvaluationJobServiceService, options('training')),
    pipelines: createRpcClient(training.PipelineServiceService, options('training')),
    models: createRpcClient(registry.ModelServiceService, options('registry')),
    endpoints: createRpcClient(gateway.EndpointServiceService, options('gateway')),
    rollouts: createRpcClient(gateway.RolloutServiceService, options('gateway')),
    feedback: createRpcClient(monitoring.FeedbackServiceService, options('monitoring')),
    monitors: createRpcClient(monitoring.MonitorServiceService, options('monitoring')),
    verdicts: createRpcClient(monitoring.VerdictServiceService, options('monitoring')),
    proposals: createRpcClient(monitoring.ProposalServiceService, options('monitoring')),
  };
  /** For doors that are plain HTTP. */
  const headers = { authorization: `Bearer ${token}` };
  return { ...clients, headers, close: () => Object.values(clients).forEach((client) => client.close()) };
}

export type Clients = ReturnType<typeof openClients>;

/** HTTP address of a process. */
export function httpAddress(portBase: number, name: ProcessName): string {
  return `http://127.0.0.1:${httpPort(portBase, name)}`;
}
