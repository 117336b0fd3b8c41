// SPDX-License-Identifier: Apache-2.0
import { toInferenceCompleted, type Inference } from './inference';
import { InferenceQueue } from './inference-queue';

function inference(id: string, change: Partial<Inference> = {}): Inference {
  return {
    workspace: 'default',
    inferenceId: id,
    endpoint: 'triage',
    chosen: {
      target: { modelName: 'm', version: 1, manifestDigest: 'd', backendUrl: 'http://b', deploymentId: 'm-v1', ready: true },
      arm: 'none',
      rolloutId: '',
    },
    userHash: '',
    operation: 'chat',
    promptTokens: 1,
    completionTokens: 1,
    latencyMs: 1,
    firstByteMs: 1,
    statusCode: 200,
    errorCode: '',
    finishReason: 'stop',
    streamed: false,
    inputText: '',
    outputText: '',
    truncated: false,
    responseId: '',
    requestTime: new Date(0),
    ...change,
  };
}

describe('InferenceQueue', () => {
  it('is bounded in number and lists what it dropped, newest first, by workspace', () => {
    const queue = new InferenceQueue(2, 1_000_000);
    expect(['a', 'b', 'c', 'd'].map((id) => queue.push(inference(id)))).toEqual([true, true, false, false]);
    queue.push(inference('e', { workspace: 'other' }));
    expect(queue.droppedTotal).toBe(3);
    expect(queue.listDropped('default', 10).map((dropped) => dropped.inferenceId)).toEqual(['d', 'c']);
    expect(queue.listDropped('other', 10)).toMatchObject([{ inferenceId: 'e', reason: 'queue-full' }]);
  });

  it('is bounded in bytes of text, and has room again when the oldest are gone', () => {
    const queue = new InferenceQueue(100, 10_000);
    const big = { inputText: 'x'.repeat(2000) };
    expect([queue.push(inference('a', big)), queue.push(inference('b', big)), queue.push(inference('c', big))]).toEqual([
      true,
      true,
      false,
    ]);
    queue.remove(1);
    expect(queue.push(inference('d', big))).toBe(true);
    expect(queue.peek(10).map((item) => item.inferenceId)).toEqual(['b', 'd']);
  });
});

describe('toInferenceCompleted', () => {
  it('replaces what PostgreSQL cannot store: one such text must not hold up its batch', () => {
    const event = toInferenceCompleted(inference('a', { inputText: 'a\0b\ud800c😀', outputText: '\udc00' }));
    expect([event.inputText, event.outputText]).toEqual(['a\uFFFDb\uFFFDc😀', '\uFFFD']);
  });
});
