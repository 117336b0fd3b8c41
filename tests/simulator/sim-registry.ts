// SPDX-License-Identifier: Apache-2.0
import { AppError, CommonErrors } from '#libs/errors';
import type { RunFacts } from '../../services/training/src/pipeline-runs/pipeline-run';
import {
  ModelRegistry,
  type AliasMoveAnswer,
  type AliasMoveRequest,
  type ChampionFacts,
} from '../../services/training/src/registry/model-registry';
import { type Kernel, outcomeOf, type SimProcess } from './kernel';
import { sha256 } from './sim-host';

const TIMEOUT_MS = 5_000;
const WORK_MS_MAX = 3_000;

/** The registry: makes a version of each model that a run trained, and moves the alias, at once or after a person's yes. */
export class SimRegistry {
  awayUntilMs = 0;
  private readonly answers = new Map<string, AliasMoveAnswer>();
  private readonly asked = new Map<string, number>();
  private versions = 1;

  constructor(
    readonly kernel: Kernel,
    /** Its events reach training some time after, at least once. */
    private readonly tell: (runId: string, facts: RunFacts) => void,
  ) {}

  registered(runId: string): void {
    this.versions += 1;
    this.tell(runId, { modelVersion: this.versions });
  }

  move({ pipelineRunId, requestId }: AliasMoveRequest): AliasMoveAnswer {
    const { kernel } = this;
    const asked = (this.asked.get(requestId) ?? 0) + 1;
    this.asked.set(requestId, asked);
    const first = this.answers.get(requestId);
    if (first) return first;
    if (asked < 3 && kernel.chance(0.2)) throw evidenceMissing();
    const moved = kernel.chance(0.5);
    const answer = { moved, approvalId: moved ? '' : `approval-${requestId}` };
    this.answers.set(requestId, answer);
    const rejected = { state: 'rejected', by: 'somebody', reason: 'no' } as const;
    const facts = moved || kernel.chance(0.5) ? { aliasMoved: { by: 'somebody', reason: 'yes' } } : { approval: rejected };
    kernel.after(moved ? 0 : kernel.between(0, 20_000), () => this.tell(pipelineRunId, facts));
    return answer;
  }
}

const evidenceMissing = (): AppError =>
  new AppError({ code: 'REGISTRY.EVIDENCE_MISSING', kind: 'precondition', retry: 'later', message: 'no evaluation yet' });

/** One replica's calls to it. */
export class SimModelRegistry extends ModelRegistry {
  constructor(
    private readonly process: SimProcess,
    private readonly registry: SimRegistry,
  ) {
    super();
  }

  resolveAlias(): Promise<ChampionFacts | undefined> {
    return this.call(() => ({ version: 1, manifestDigest: sha256('champion') }));
  }

  requestAliasMove(_workspace: string, request: AliasMoveRequest): Promise<AliasMoveAnswer> {
    return this.call(() => this.registry.move(request));
  }

  private call<T>(effect: () => T): Promise<T> {
    const { process, registry } = this;
    return new Promise((resolve, reject) => {
      const late = process.clock.timer(TIMEOUT_MS, () => reject(CommonErrors.UNAVAILABLE('the registry does not answer')));
      const loses = process.loseAnswers.has(process.calls + 1);
      process.request('registry', (answer) => {
        const isAway = process.kernel.nowMs < registry.awayUntilMs || process.kernel.chance(0.05);
        const outcome = outcomeOf(isAway ? refuse : effect);
        if (loses) return;
        const reply = (): void => {
          late();
          if (outcome.error) reject(outcome.error);
          else resolve(outcome.value as T);
        };
        process.kernel.after(process.kernel.between(0, WORK_MS_MAX), () => answer(reply));
      });
    });
  }
}

function refuse(): never {
  throw CommonErrors.UNAVAILABLE('the registry is away');
}
