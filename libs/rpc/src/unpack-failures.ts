// SPDX-License-Identifier: Apache-2.0
import { type ServerInterceptor, status } from '@grpc/grpc-js';

// What grpc-js says of a compressed message that is none, with INTERNAL: as if it were the server's fault.
const NOT_UNPACKED = 'Failed to decompress message';

/** Answers INVALID_ARGUMENT for a compressed message that cannot be unpacked. Adds no layer: the call that came is handed on. */
export const blameCallerForBrokenPacking: ServerInterceptor = (_method, call) => {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (sent) =>
    send(
      sent.code === status.INTERNAL && sent.details === NOT_UNPACKED
        ? { ...sent, code: status.INVALID_ARGUMENT, details: 'request: cannot be unpacked' }
        : sent,
    );
  return call as ReturnType<ServerInterceptor>;
};
