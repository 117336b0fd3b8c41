// SPDX-License-Identifier: Apache-2.0
import { type Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { fileDescriptors } from '#libs/contracts';

/** Lets clients without .proto files (grpcurl) list these services and call them. */
export function addReflection(server: Server, serviceNames: string[]): void {
  const files = Object.values(fileDescriptors).map((base64) => Buffer.from(base64, 'base64'));
  // The library reads nothing of a package definition but its descriptors; its own loader's lack imports and misname map entries.
  const described = { all: { fileDescriptorProtos: files } } as never as ConstructorParameters<typeof ReflectionService>[0];
  new ReflectionService(described, { services: serviceNames }).addToServer(server);
}
