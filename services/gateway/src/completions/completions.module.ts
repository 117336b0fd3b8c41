// SPDX-License-Identifier: Apache-2.0
import { Module, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Clock } from '#libs/clock';
import { ShutdownSequence } from '#libs/observability';
import { ControlPlaneModule } from '../control-plane.module';
import { InferencesHttp } from '../inferences/inferences.http';
import { RecordInferences } from '../inferences/record-inferences';
import { CompletionsHttp } from './completions.http';
import { FinishedRequests } from './finished-requests';
import { IdentifyCaller } from './identify-caller';
import { ListModels } from './list-models';
import { ProxyCompletion } from './proxy-completion';

const FINISH_MS = 10_000;
const DRAIN_MS = 4000;

/** The OpenAI routes and the events about what they answered. */
@Module({
  imports: [ControlPlaneModule],
  controllers: [InferencesHttp],
  providers: [CompletionsHttp, ProxyCompletion, FinishedRequests, IdentifyCaller, ListModels, RecordInferences],
})
export class CompletionsModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly routes: CompletionsHttp,
    private readonly finished: FinishedRequests,
    private readonly inferences: RecordInferences,
    private readonly shutdown: ShutdownSequence,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.routes.register(this.host.httpAdapter.getInstance<FastifyInstance>());
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.inferences.start();
    // Answers in flight finish, then every event about them is written, while relay and database are still there.
    this.shutdown.on('finish-in-flight', 'completions', async () => {
      await this.waitForAnswers();
      await this.inferences.drain(DRAIN_MS);
    });
  }

  private async waitForAnswers(): Promise<void> {
    const endMs = this.clock.monotonicMs() + FINISH_MS;
    while (this.routes.running + this.finished.unrecorded > 0 && this.clock.monotonicMs() < endMs) await this.clock.sleep(20);
  }
}
