// SPDX-License-Identifier: Apache-2.0
import { gateway } from '#libs/contracts';
import type { Version } from '../endpoints/endpoint';
import { candidatePercent, servingAfter, type Rollout } from './rollout';
import type { Judgement } from './rollout-rules';

export function toServedVersion(modelName: string, version: Version): gateway.ServedVersion {
  return { modelName, version: version.version, modelManifestDigest: version.manifestDigest };
}

export function toPolicy(judgement: Judgement): gateway.RolloutPolicy {
  return { ...judgement };
}

export function rolloutStarted(rollout: Rollout): gateway.RolloutStarted {
  return {
    rolloutId: rollout.id,
    endpoint: rollout.endpoint,
    alias: rollout.alias,
    control: toServedVersion(rollout.modelName, rollout.control),
    candidate: toServedVersion(rollout.modelName, rollout.candidate),
    candidatePercent: candidatePercent(rollout),
    policy: toPolicy(rollout.judgement),
    startTime: rollout.startTime,
  };
}

export function rolloutStepped(rollout: Rollout): gateway.RolloutStepped {
  const { id, endpoint, step, verdictId } = rollout;
  return { rolloutId: id, endpoint, candidatePercent: candidatePercent(rollout), step, verdictId };
}

const OUTCOMES = {
  promoted: gateway.RolloutOutcome.ROLLOUT_OUTCOME_PROMOTED,
  'rolled-back': gateway.RolloutOutcome.ROLLOUT_OUTCOME_ROLLED_BACK,
  superseded: gateway.RolloutOutcome.ROLLOUT_OUTCOME_SUPERSEDED,
  running: gateway.RolloutOutcome.ROLLOUT_OUTCOME_UNSPECIFIED,
} as const;

export function rolloutFinished(rollout: Rollout): gateway.RolloutFinished {
  const { serving, retired } = servingAfter(rollout);
  return {
    rolloutId: rollout.id,
    endpoint: rollout.endpoint,
    alias: rollout.alias,
    outcome: OUTCOMES[rollout.state],
    serving: toServedVersion(rollout.modelName, serving),
    retired: toServedVersion(rollout.modelName, retired),
    verdictId: rollout.verdictId,
    actor: rollout.actor,
    reason: rollout.reason,
    endTime: rollout.endTime,
  };
}
