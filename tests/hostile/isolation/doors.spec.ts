// SPDX-License-Identifier: Apache-2.0
import { allGrpcDoors } from '../../support/grpc-doors';
import { grpcCases, READING, sharedGrpcDoors } from './grpc-cases';
import { httpCases, READING_POSTS, sharedHttpDoors } from './http-cases';
import { declaredRoutes } from './http-routes';

// tests/e2e/loop.e2e-spec.ts calls each of these from another workspace. A new door without a case fails here.
describe('doors that read', () => {
  it('over gRPC each have a case, or a reason why everybody sees the same', () => {
    const reading = allGrpcDoors()
      .map(({ path }) => path.replace(/^\/millrace\.\w+\.v1\./, ''))
      .filter((door) => READING.test(door));
    expect(reading.length).toBeGreaterThan(55);
    expect(reading.filter((door) => !(door in grpcCases) && !(door in sharedGrpcDoors))).toEqual([]);
    expect([...Object.keys(grpcCases), ...Object.keys(sharedGrpcDoors)].filter((door) => !reading.includes(door))).toEqual([]);
  });

  it('over HTTP each have a case, or a reason why everybody sees the same', () => {
    const reading = declaredRoutes().filter(
      (route) => / GET /.test(route) || (/ POST /.test(route) && READING_POSTS.test(route)),
    );
    expect(reading.length).toBeGreaterThan(80);
    expect(reading.filter((door) => !(door in httpCases) && !(door in sharedHttpDoors))).toEqual([]);
    expect([...Object.keys(httpCases), ...Object.keys(sharedHttpDoors)].filter((door) => !reading.includes(door))).toEqual([]);
  });
});
