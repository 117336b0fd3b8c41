// SPDX-License-Identifier: Apache-2.0
import { isEnded, mayMoveRun, runStates } from '../pipeline-runs/pipeline-run';
import { isTerminal, jobStates, mayMove } from './job';

describe('states of a job', () => {
  it('ends in three states and nowhere else', () => {
    expect(jobStates.filter(isTerminal)).toEqual(['succeeded', 'failed', 'cancelled']);
  });

  it('lets every state that has not ended be cancelled or fail, and none come back from its end', () => {
    for (const state of jobStates) {
      expect(mayMove(state, 'cancelled')).toBe(!isTerminal(state));
      expect(mayMove(state, 'failed')).toBe(!isTerminal(state));
      if (isTerminal(state)) for (const other of jobStates) expect(mayMove(state, other)).toBe(false);
    }
    expect(mayMove('validating', 'running')).toBe(false);
    expect(mayMove('running', 'queued')).toBe(true);
  });
});

describe('states of a pipeline run', () => {
  it('reaches success only through evaluation', () => {
    const before = runStates.filter((state) => mayMoveRun(state, 'succeeded'));
    expect(before).toEqual(['evaluating', 'gate_failed', 'awaiting_approval']);
    expect(runStates.filter((state) => mayMoveRun(state, 'rejected'))).toEqual(['awaiting_approval']);
  });

  it('can be cancelled until it ends', () => {
    for (const state of runStates) expect(mayMoveRun(state, 'cancelled')).toBe(!isEnded(state));
  });
});
