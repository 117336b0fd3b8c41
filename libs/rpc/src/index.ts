// SPDX-License-Identifier: Apache-2.0
export { Requires, SkipAuth } from '#libs/auth';
export { createRpcClient } from './rpc-client';
export type { CallSettings, RpcClient, RpcClientOptions } from './rpc-client';
export { RpcController, rpcServiceOf } from './rpc-controller';
export type { RpcContext } from './rpc-controller';
export { RpcServer, STREAM_MS_MAX } from './rpc-server';
export type { RpcServerOptions } from './rpc-server';
export type { GeneratedMethod, GeneratedService, RequestOf, ResponseOf } from './service-types';
export { fromServiceError, grpcStatusOf, toGrpcStatus } from './status-details';
