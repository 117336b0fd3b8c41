// SPDX-License-Identifier: Apache-2.0
// The servers of bench:rpc, one per process: `ours` with every interceptor (identity by token, workspace, deadline, trace, metrics),
// the same with its spans sent to an OTLP endpoint, `bare` with grpc-js alone; the same messages and the same work.
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { AnyWorkspace, Authenticator } from '#libs/auth';
import { ingestion } from '#libs/contracts';
import { HealthRegistry, Metrics, silentLogger, startTracing } from '#libs/observability';
import { RpcController, RpcServer } from '#libs/rpc';

const { createDataset } = ingestion.DatasetServiceService;
const BenchService = { createDataset };

function answer(request: ingestion.CreateDatasetRequest): ingestion.CreateDatasetResponse {
  const dataset: ingestion.Dataset = ingestion.Dataset.fromPartial({
    id: '1',
    name: request.name,
    description: request.description,
  });
  return { dataset };
}

@RpcController(BenchService)
class BenchGrpc {
  async createDataset(request: ingestion.CreateDatasetRequest): Promise<ingestion.CreateDatasetResponse> {
    return answer(request);
  }
}

function listenBare(): Promise<string> {
  const server = new Server();
  const serve: handleUnaryCall<ingestion.CreateDatasetRequest, ingestion.CreateDatasetResponse> = (call, callback) =>
    callback(null, answer(call.request));
  server.addService(BenchService, { createDataset: serve });
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(`127.0.0.1:${port}`),
    ),
  );
}

function listenOurs(authSigningKey: string): Promise<string> {
  const server = new RpcServer({
    host: '127.0.0.1',
    port: 0,
    messageBytesMax: 1024 * 1024,
    controllers: [new BenchGrpc()],
    authenticator: new Authenticator({ auth: 'on', authSigningKey }),
    workspaces: new AnyWorkspace(),
    health: new HealthRegistry(),
    metrics: new Metrics('bench'),
    logger: silentLogger(),
  });
  return server.listen();
}

process.once('SIGTERM', () => process.exit(0));
const [mode, key, endpoint] = process.argv.slice(2);
if (endpoint !== undefined) startTracing({ endpoint, service: 'bench' });
void (mode === 'bare' ? listenBare() : listenOurs(key)).then((grpcAddress) =>
  process.stdout.write(`${JSON.stringify({ grpcAddress, baseUrl: 'none' })}\n`),
);
