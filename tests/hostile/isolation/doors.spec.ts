// SPDX-License-Identifier: Apache-2.0
import { allGrpcDoors, shortName } from '../../support/grpc-doors';
import { allHttpDoors, MLFLOW_PREFIXES } from '../../support/http-doors';
import { grpcCases, sharedGrpcDoors } from './grpc-cases';
import { httpCases, sharedHttpDoors } from './http-cases';
import { writingHttpDoors, writingRpcs } from './writing-doors';

/** Doors in none of the lists, doors in several of them, and entries for which there is no door. */
function faultsOf(doors: readonly string[], lists: readonly (readonly string[])[]): Record<string, string[]> {
  const listed = lists.flat();
  const known = new Set(doors);
  return {
    unlisted: [...known].filter((door) => !listed.includes(door)),
    twice: listed.filter((door, index) => listed.indexOf(door) !== index),
    stale: listed.filter((door) => !known.has(door)),
  };
}

const NONE = { unlisted: [], twice: [], stale: [] };

// tests/e2e/loop.e2e-spec.ts calls each case from another workspace, tests/e2e/identity.e2e-spec.ts each writing door as a viewer.
describe('every door', () => {
  const routes = allHttpDoors();
  const httpLists = [Object.keys(httpCases), Object.keys(sharedHttpDoors), writingHttpDoors];
  const rpcs = allGrpcDoors();
  const rpcLists = [Object.keys(grpcCases), Object.keys(sharedGrpcDoors), writingRpcs];

  it('over gRPC has a case, or a reason why everybody sees the same, or is known to write', () => {
    expect(rpcs.length).toBeGreaterThan(85);
    expect(faultsOf(rpcs.map(shortName), rpcLists)).toEqual(NONE);
  });

  it('over HTTP has a case, or a reason why everybody sees the same, or is known to write', () => {
    expect(routes.length).toBeGreaterThan(240);
    expect(faultsOf([...new Set(routes.map(({ name }) => name))], httpLists)).toEqual(NONE);
  });

  it('that streams an answer or is a GET is not among those that write', () => {
    const streaming = rpcs.filter(({ responseStream }) => responseStream).map(shortName);
    expect(streaming.length).toBeGreaterThan(1);
    expect(streaming.filter((door) => writingRpcs.includes(door))).toEqual([]);
    expect(writingHttpDoors.filter((door) => / GET /.test(door))).toEqual([]);
  });

  it('without a token has a reason why everybody sees the same', () => {
    const open = routes.filter((route) => route.open).map(({ name }) => name);
    expect(open.length).toBeGreaterThan(30);
    expect(open.filter((name) => !(name in sharedHttpDoors))).toEqual([]);
  });

  it('of MLflow stands below both prefixes', () => {
    const below = MLFLOW_PREFIXES.map((prefix) =>
      routes
        .filter(({ route }) => route.startsWith(prefix))
        .map(({ name }) => name)
        .sort(),
    );
    expect(below[0].length).toBeGreaterThan(30);
    expect(below[1]).toEqual(below[0]);
  });

  it('is missed when it is new, whatever its name, and noticed when it is gone', () => {
    const names = rpcs.map(shortName);
    expect(faultsOf([...names, 'ModelService/TailModels'], rpcLists)).toEqual({ ...NONE, unlisted: ['ModelService/TailModels'] });
    expect(faultsOf(names.slice(1), rpcLists)).toEqual({ ...NONE, stale: [names[0]] });
    const paths = routes.map(({ name }) => name);
    const added = 'registry POST /api/v1/models/download';
    expect(faultsOf([...paths, added], httpLists).unlisted).toEqual([added]);
  });
});
