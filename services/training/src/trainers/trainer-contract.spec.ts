// SPDX-License-Identifier: Apache-2.0
import { parseWorkerLine, parseWorkerResult } from './trainer-contract';

describe('the trainer contract', () => {
  it('reads lines of this contract and passes over everything else', () => {
    expect(
      parseWorkerLine('{"type":"progress","step":3,"stepsTotal":9,"loss":1.5,"learningRate":0.1,"tokens":7,"time":"t"}'),
    ).toMatchObject({ step: 3 });
    expect(parseWorkerLine('{"type":"checkpoint","step":3,"folder":"checkpoints/step-3","time":"t"}')).toMatchObject({
      folder: 'checkpoints/step-3',
    });
    for (const line of [
      '',
      'null',
      '{"type":"progress","step":"3","loss":1}',
      '{"type":"progress","step":3}',
      '{"type":"later","step":1}',
      '{"type":"prog',
    ]) {
      expect(parseWorkerLine(line)).toBeUndefined();
    }
  });

  it('reads results of this schema only', () => {
    expect(parseWorkerResult('{"schema":"millrace.trainer-result/v1","status":"interrupted"}')).toMatchObject({
      status: 'interrupted',
    });
    for (const text of [
      '{"status":"succeeded"}',
      '{"schema":"millrace.trainer-result/v1","status":"fine"}',
      '{"schema":"millr',
    ]) {
      expect(parseWorkerResult(text)).toBeUndefined();
    }
  });
});
