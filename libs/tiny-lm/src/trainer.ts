// SPDX-License-Identifier: Apache-2.0
import { assembleBatch } from './batch';
import {
  readCheckpoint,
  writeCheckpoint,
  type CheckpointArrays,
  type CheckpointIdentity,
  type CheckpointManifest,
} from './checkpoint';
import { ExampleSampler } from './example-sampler';
import { LlamaNetwork, type Batch } from './llama-network';
import { LoraAdapters } from './lora';
import { parametersDigest, saveModelFolder, type TinyModel } from './model-folder';
import { isNorm, layOutParameters } from './parameters';
import { Random } from './random';
import { TinyLmError } from './tiny-lm.errors';
import { learningRateAt, resolveTrainerSettings, type TrainerSettings } from './trainer-settings';
import { poolsDigest, type TrainingPool } from './training-examples';

export interface TrainerInput {
  /** The model to start from; it is copied, never changed. */
  base: TinyModel;
  pools: TrainingPool[];
  settings?: Partial<TrainerSettings>;
}

export interface StepResult {
  /** Steps done, this one included. */
  step: number;
  /** Weighted mean cross entropy of this step's rows before the update, in nats. */
  loss: number;
  learningRate: number;
  /** Length of the gradient before clipping. */
  gradientNorm: number;
  /** Tokens that went through the network in this step, padding included. */
  tokens: number;
  scoredTokens: number;
}

// A place in wasm memory: byte offset and number of floats.
interface Span {
  at: number;
  length: number;
}

/**
 * Fine-tunes (or pretrains) a model on one thread. Same base, data, settings: same weights, bit for bit, on any machine. Runs for
 * `settings.steps` steps; between any two of them it can be checkpointed, and a run resumed from there goes on as if nothing had happened.
 */
export class Trainer {
  readonly settings: TrainerSettings;
  private readonly network: LlamaNetwork;
  private readonly lora?: LoraAdapters;
  private readonly identity: CheckpointIdentity;
  private readonly trainable: Span;
  private readonly gradients: Span;
  private moments1 = 0;
  private moments2 = 0;
  private sampler: ExampleSampler;
  private dropout: Random;
  private stepsDone = 0;

  constructor(private readonly input: TrainerInput) {
    this.settings = resolveTrainerSettings(input.settings ?? {});
    checkPools(input.pools, input.base);
    const { config, parameters, tokenizer } = input.base;
    const { method, batchSize, seed } = this.settings;
    const layout = layOutParameters(config);
    if (method.kind === 'lora') this.lora = new LoraAdapters(method, layout, parameters);
    const length = this.lora?.length ?? layout.length;
    this.network = new LlamaNetwork(config, {
      sequencesMax: batchSize,
      trainable: true,
      extend: (arena) => {
        this.moments1 = arena.reserve(length);
        this.moments2 = arena.reserve(length);
        this.lora?.reserve(arena);
      },
    });
    this.trainable = { at: this.lora?.values ?? this.network.parameters, length };
    this.gradients = { at: this.lora?.gradients ?? this.network.gradients, length };
    this.network.load(parameters);
    this.lora?.initialise(this.network, seed);
    this.sampler = new ExampleSampler(input.pools, batchSize, seed);
    this.dropout = Random.from('dropout', seed);
    this.identity = {
      config,
      settings: this.settings,
      baseDigest: parametersDigest(parameters),
      tokenizerDigest: tokenizer.digest(),
      dataDigest: poolsDigest(input.pools),
    };
  }

  /** Goes on from a checkpoint of a run with the same base, tokenizer, data and settings; anything else is refused by name. */
  static resume(folder: string, input: TrainerInput): Trainer {
    const trainer = new Trainer(input);
    const { manifest, arrays } = readCheckpoint(folder, trainer.identity);
    trainer.restore(manifest, arrays);
    return trainer;
  }

  /** Steps done so far. */
  get stepCount(): number {
    return this.stepsDone;
  }

  get isDone(): boolean {
    return this.stepsDone >= this.settings.steps;
  }

  /** Memory of the network, optimizer and adapters, in bytes. */
  get memoryBytes(): number {
    return this.network.memoryBytes;
  }

  /** One optimizer step. A loss that is no number stops the run: the weights are not touched. */
  step(): StepResult {
    if (this.isDone)
      throw new TinyLmError('TINY_LM.SETTINGS_INVALID', 'steps', `the budget of ${this.settings.steps} steps is spent`);
    const batches = Array.from({ length: this.settings.accumulation }, () => this.drawBatch());
    const weight = batches.reduce((sum, batch) => sum + batch.weights.reduce((a, b) => a + b, 0), 0);
    const inverse = weight > 0 ? 1 / weight : 0;
    let loss = 0;
    this.network.zeroGradients();
    for (const batch of batches) {
      this.network.forward(batch);
      loss += this.network.loss(batch, inverse);
      this.network.backward(batch);
    }
    this.lora?.collectGradients(this.network);
    const gradientNorm = Math.sqrt(this.network.kernels.sumSquares(this.gradients.at, this.gradients.length));
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw new TinyLmError(
        'TINY_LM.LOSS_NOT_FINITE',
        `step ${this.stepsDone + 1}`,
        `loss ${loss}, gradient norm ${gradientNorm}`,
      );
    }
    const learningRate = learningRateAt(this.settings, this.stepsDone);
    this.update(learningRate, gradientNorm);
    this.stepsDone++;
    const tokens = batches.reduce((sum, batch) => sum + batch.ids.length, 0);
    const scoredTokens = batches.reduce((sum, batch) => sum + batch.scored.length, 0);
    return { step: this.stepsDone, loss, learningRate, gradientNorm, tokens, scoredTokens };
  }

  /** Writes everything that the rest of the run depends on into a new folder. */
  checkpoint(folder: string): CheckpointManifest {
    const { floats } = this.network;
    const copy = (at: number): Float32Array => floats.slice(at >> 2, (at >> 2) + this.trainable.length);
    const arrays = { trainable: copy(this.trainable.at), moments1: copy(this.moments1), moments2: copy(this.moments2) };
    const progress = { step: this.stepsDone, cursor: this.sampler.cursor(), randomState: this.dropout.state() };
    return writeCheckpoint(folder, this.identity, progress, arrays);
  }

  /** The model as trained so far; adapters are merged into the weights. */
  model(): TinyModel {
    return { config: this.input.base.config, parameters: this.network.snapshot(), tokenizer: this.input.base.tokenizer };
  }

  /** Writes the model as trained so far as a Hugging Face folder. */
  saveModel(folder: string): void {
    saveModelFolder(folder, this.model());
  }

  private drawBatch(): Batch {
    const { promptDropout, laterTokenWeight } = this.settings;
    return assembleBatch(this.sampler.next(), {
      contextTokens: this.input.base.config.contextTokens,
      padId: this.input.base.config.padId,
      laterTokenWeight,
      dropout: promptDropout > 0 ? { chance: promptDropout, random: this.dropout } : undefined,
    });
  }

  private update(learningRate: number, gradientNorm: number): void {
    const { beta1, beta2, epsilon, weightDecay, gradientNormMax } = this.settings;
    const t = this.stepsDone + 1;
    const clip = gradientNorm > gradientNormMax ? gradientNormMax / gradientNorm : 1;
    const apply = (offset: number, length: number, decay: number): void =>
      this.network.kernels.adamw(
        this.trainable.at + offset * 4,
        this.gradients.at + offset * 4,
        this.moments1 + offset * 4,
        this.moments2 + offset * 4,
        length,
        learningRate,
        beta1,
        beta2,
        epsilon,
        1 / (1 - beta1 ** t),
        1 / (1 - beta2 ** t),
        clip,
        decay,
      );
    if (this.lora) {
      apply(0, this.trainable.length, weightDecay);
      this.lora.merge(this.network);
    } else {
      for (const slot of this.network.layout.slots) apply(slot.offset, slot.length, isNorm(slot) ? 0 : weightDecay);
      this.network.parametersChanged();
    }
  }

  private restore(manifest: CheckpointManifest, arrays: CheckpointArrays): void {
    for (const [name, values] of Object.entries(arrays) as [string, Float32Array][]) {
      if (values.length !== this.trainable.length) {
        const reason = `has ${values.length} values, this run trains ${this.trainable.length}`;
        throw new TinyLmError('TINY_LM.CHECKPOINT_MISMATCH', `checkpoint ${name}`, reason);
      }
    }
    const { floats } = this.network;
    floats.set(arrays.trainable, this.trainable.at >> 2);
    floats.set(arrays.moments1, this.moments1 >> 2);
    floats.set(arrays.moments2, this.moments2 >> 2);
    if (this.lora) this.lora.merge(this.network);
    else this.network.parametersChanged();
    this.stepsDone = manifest.step;
    this.sampler = new ExampleSampler(this.input.pools, this.settings.batchSize, this.settings.seed, manifest.cursor);
    this.dropout = Random.restore(manifest.randomState);
  }
}

function checkPools(pools: readonly TrainingPool[], base: TinyModel): void {
  const refuse = (field: string, reason: string): never => {
    throw new TinyLmError('TINY_LM.EXAMPLE_INVALID', field, reason);
  };
  if (pools.length === 0) refuse('pools', 'must hold at least one pool');
  for (const { name, share, examples } of pools) {
    if (!(share > 0 && Number.isFinite(share))) refuse(`pool ${name} share`, `must be a positive number, got ${share}`);
    if (examples.length === 0) refuse(`pool ${name}`, 'has no rows');
    examples.forEach(({ ids, scoredFrom }, row) => {
      const field = `pool ${name} row ${row}`;
      if (ids.length - 1 > base.config.contextTokens)
        refuse(field, `has ${ids.length - 1} tokens; context is ${base.config.contextTokens}`);
      if (scoredFrom < 1 || scoredFrom >= ids.length) refuse(field, 'has nothing to score');
      if (ids.some((id) => id < 0 || id >= base.config.vocabSize))
        refuse(field, `has an id outside 0..${base.config.vocabSize - 1}`);
    });
  }
}
