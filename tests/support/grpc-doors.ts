// SPDX-License-Identifier: Apache-2.0
import { createFileRegistry, type DescMessage, type DescMethod, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { fileDescriptors } from '#libs/contracts';
import type { ServiceName } from '../../deploy/local/processes';

/** One RPC of the platform, with its messages as `proto/` describes them. */
export interface GrpcDoor {
  service: ServiceName;
  /** '/millrace.registry.v1.ModelService/GetModelVersion'. */
  path: string;
  method: DescMethod;
  input: DescMessage;
  output: DescMessage;
  requestStream: boolean;
  responseStream: boolean;
}

const packages: Record<string, ServiceName> = {
  'millrace.gateway.v1': 'gateway',
  'millrace.ingestion.v1': 'ingestion',
  'millrace.dataprep.v1': 'data-prep',
  'millrace.training.v1': 'training',
  'millrace.registry.v1': 'registry',
  'millrace.monitoring.v1': 'monitoring',
};

/** 'ModelService/GetModelVersion'. */
export function shortName({ path }: Pick<GrpcDoor, 'path'>): string {
  return path.replace(/^\/millrace\.\w+\.v1\./, '');
}

/** Every RPC that `proto/` declares: a new one is in here without anybody's doing. */
export function allGrpcDoors(): GrpcDoor[] {
  const file = Object.values(fileDescriptors).map((text) => fromBinary(FileDescriptorProtoSchema, Buffer.from(text, 'base64')));
  const registry = createFileRegistry({ $typeName: FileDescriptorSetSchema.typeName, file });
  const doors: GrpcDoor[] = [];
  for (const entry of registry) {
    // Health is open to everybody and knows no workspace.
    if (entry.kind !== 'service' || entry.typeName === 'grpc.health.v1.Health') continue;
    const service = packages[entry.file.proto.package];
    if (service === undefined) throw new Error(`nobody is said to serve ${entry.typeName}: add its package to grpc-doors.ts`);
    for (const method of entry.methods) {
      const { methodKind: kind, input, output } = method;
      doors.push({
        service,
        path: `/${entry.typeName}/${method.name}`,
        method,
        input,
        output,
        requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
        responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
      });
    }
  }
  return doors.sort((a, b) => a.path.localeCompare(b.path));
}
