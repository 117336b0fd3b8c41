// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { GatewaySettings } from '../config';
import { DeploymentsRepository } from '../deployments/deployments.repository';
import type { Endpoint } from '../endpoints/endpoint';
import { EndpointsRepository } from '../endpoints/endpoints.repository';
import { RoutingStore } from '../routing/routing-store';
import { planAliasMove, type AliasTarget } from './alias-move';
import { advance, finish, servingAfter, startRollout, type Rollout, type RolloutCause, type RolloutState } from './rollout';
import { rolloutFinished, rolloutStarted, rolloutStepped } from './rollouts.events';
import { RolloutsRepository } from './rollouts.repository';

/**
 * The moves of an endpoint between versions. Each takes the endpoint as its transaction locked it and leaves endpoint, rollout,
 * deployment intents, events and routing revision consistent in that transaction; nothing is done to a backend here.
 */
@Injectable()
export class EndpointTransitions {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly rollouts: RolloutsRepository,
    private readonly deployments: DeploymentsRepository,
    private readonly publisher: EventPublisher,
    private readonly routing: RoutingStore,
    private readonly settings: GatewaySettings,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /** The endpoint shall serve this version. */
  async aim(tx: Transaction, endpoint: Endpoint, target: AliasTarget, cause: RolloutCause): Promise<void> {
    const running = await this.running(tx, endpoint);
    const plan = planAliasMove(endpoint, running, target);
    let next: Endpoint = { ...endpoint, pending: plan.pending, pendingDirect: plan.pendingDirect, problem: '' };
    if (plan.supersede && running) next = await this.end(tx, next, { rollout: running, state: 'superseded', cause });
    if (next.pending) {
      const state = await this.deployments.want(tx, { ...next, ...next.pending });
      if (state === 'ready') next = await this.admit(tx, next);
    }
    await this.settle(tx, next);
  }

  /** The pending version is loaded: it serves, or its rollout starts. */
  async enter(tx: Transaction, endpoint: Endpoint): Promise<void> {
    await this.settle(tx, await this.admit(tx, endpoint));
  }

  /** One step on, or promoted after the last one. Gives the rollout as it is then; nothing happens when it is over. */
  async stepOn(tx: Transaction, endpoint: Endpoint, rollout: Rollout, cause: RolloutCause): Promise<Rollout> {
    const next = advance(rollout, cause, this.clock.now());
    if (!next) return rollout;
    if (next.state !== 'running') return this.close(tx, endpoint, { rollout, state: 'promoted', cause });
    await this.rollouts.save(tx, next);
    const { workspace, id: aggregateId, sequence: aggregateVersion } = next;
    await this.publisher.publish(tx, Events.RolloutStepped, {
      workspace,
      aggregateId,
      aggregateVersion,
      data: rolloutStepped(next),
    });
    await this.routing.changed(tx);
    return next;
  }

  /** Ends the rollout; nothing happens when it is over. */
  async close(
    tx: Transaction,
    endpoint: Endpoint,
    ending: { rollout: Rollout; state: Exclude<RolloutState, 'running'>; cause: RolloutCause },
  ): Promise<Rollout> {
    if (ending.rollout.state !== 'running') return ending.rollout;
    await this.settle(tx, await this.end(tx, endpoint, ending));
    return (await this.rollouts.find(tx, endpoint.workspace, ending.rollout.id)) ?? ending.rollout;
  }

  /** The endpoint goes away: its rollout is superseded, its versions are let go. */
  async remove(tx: Transaction, endpoint: Endpoint, cause: RolloutCause): Promise<void> {
    const running = await this.running(tx, endpoint);
    if (running) await this.end(tx, endpoint, { rollout: running, state: 'superseded', cause });
    await this.endpoints.delete(tx, endpoint.workspace, endpoint.name);
    await this.deployments.releaseUnused(tx, endpoint.workspace, endpoint.modelName, this.settings.drainSeconds);
    await this.routing.changed(tx);
  }

  private async running(tx: Transaction, endpoint: Endpoint): Promise<Rollout | undefined> {
    if (endpoint.rolloutId === undefined) return undefined;
    return this.rollouts.find(tx, endpoint.workspace, endpoint.rolloutId);
  }

  private async admit(tx: Transaction, endpoint: Endpoint): Promise<Endpoint> {
    const { pending: candidate, serving: control } = endpoint;
    if (!candidate) return endpoint;
    const admitted: Endpoint = { ...endpoint, pending: undefined, pendingDirect: false, problem: '' };
    if (!control || endpoint.pendingDirect || endpoint.alias === undefined) return { ...admitted, serving: candidate };
    const { workspace, name, modelName, alias, rules } = endpoint;
    const rollout = startRollout({
      ...{ workspace, endpoint: name, modelName, alias, control, candidate, rules },
      id: this.ids.next(),
      now: this.clock.now(),
    });
    if (!rollout) return { ...admitted, serving: candidate };
    await this.rollouts.insert(tx, rollout);
    await this.publisher.publish(tx, Events.RolloutStarted, {
      workspace,
      aggregateId: rollout.id,
      aggregateVersion: rollout.sequence,
      data: rolloutStarted(rollout),
    });
    return { ...admitted, rolloutId: rollout.id };
  }

  private async end(
    tx: Transaction,
    endpoint: Endpoint,
    ending: { rollout: Rollout; state: Exclude<RolloutState, 'running'>; cause: RolloutCause },
  ): Promise<Endpoint> {
    const ended = finish(ending.rollout, ending.state, ending.cause, this.clock.now());
    if (!ended) return endpoint;
    await this.rollouts.save(tx, ended);
    const { workspace, id: aggregateId, sequence: aggregateVersion } = ended;
    const data = rolloutFinished(ended);
    await this.publisher.publish(tx, Events.RolloutFinished, { workspace, aggregateId, aggregateVersion, data });
    return { ...endpoint, rolloutId: undefined, serving: servingAfter(ended).serving };
  }

  private async settle(tx: Transaction, endpoint: Endpoint): Promise<void> {
    await this.endpoints.save(tx, { ...endpoint, updateTime: this.clock.now() });
    await this.deployments.releaseUnused(tx, endpoint.workspace, endpoint.modelName, this.settings.drainSeconds);
    await this.routing.changed(tx);
  }
}
