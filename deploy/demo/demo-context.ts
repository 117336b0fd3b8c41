// SPDX-License-Identifier: Apache-2.0
import type { Broker } from '#libs/messaging';
import type { Clients } from './clients';
import type { DemoOptions } from './demo-options';
import type { Fixture } from './fixture';
import type { Story } from './story';
import type { WebhookReceiver } from './webhook-receiver';

/** Sizes of a walk through the loop. */
export interface DemoSizes {
  trainRows: number;
  /** Rows beside them that join the pool which the recipe splits; of what is left everyday traffic is asked. */
  pooledRestRows: number;
  /** Share of the pool that the recipe holds out. */
  heldOutShare: number;
  steps: number;
  poisonedSteps: number;
  periodOneRequests: number;
  periodTwoRequests: number;
  /** Most judged requests of one canary. */
  canaryRequestsMax: number;
  requestsPerArmMax: number;
  /** Largest drop that a canary may show, in shares. */
  margin: number;
}

export const demoSizes: Record<DemoOptions['scale'], DemoSizes> = {
  full: {
    trainRows: 3000,
    pooledRestRows: 320,
    heldOutShare: 0.15,
    steps: 1200,
    poisonedSteps: 300,
    periodOneRequests: 380,
    periodTwoRequests: 500,
    canaryRequestsMax: 2400,
    requestsPerArmMax: 800,
    margin: 0.05,
  },
  small: {
    trainRows: 900,
    pooledRestRows: 250,
    heldOutShare: 0.22,
    steps: 350,
    poisonedSteps: 120,
    periodOneRequests: 200,
    periodTwoRequests: 300,
    canaryRequestsMax: 1600,
    requestsPerArmMax: 300,
    margin: 0.1,
  },
};

/** What the stages hand on. */
export interface DemoState {
  rawVersionId: string;
  profileUrl: string;
  trainVersionId: string;
  heldOutVersionId: string;
  periodTwoVersionId: string;
  recipeRunId: string;
  feedbackVersionId: string;
  poisonedVersionId: string;
  /** With which the application calls the gateway. */
  apiKey: string;
  requests: number;
  failedRequests: number;
}

/** Everything a stage works with. */
export interface DemoContext {
  options: DemoOptions;
  sizes: DemoSizes;
  story: Story;
  /** Ana works here: editor, admin. */
  ana: Clients;
  /** Ben approves what others ask for. */
  ben: Clients;
  fixture: Fixture;
  broker: Broker;
  webhook: WebhookReceiver;
  state: DemoState;
}

export const MODEL = 'glossary-triage';
export const ALIAS = 'champion';
export const PIPELINE = 'glossary-triage-loop';
