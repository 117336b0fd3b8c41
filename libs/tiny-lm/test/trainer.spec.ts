// SPDX-License-Identifier: Apache-2.0
import {
  encodeAnswerRows,
  encodeTextWindows,
  evaluateAnswers,
  LlamaNetwork,
  parametersDigest,
  Trainer,
  type TrainerSettings,
} from '../src/index';
import { assembleBatch } from '../src/batch';
import { LoraAdapters } from '../src/lora';
import { COLOUR_ROWS, smallModel } from './small-model';

const base = smallModel();
const examples = encodeAnswerRows(base.tokenizer, COLOUR_ROWS, base.config.contextTokens);
const pools = [{ name: 'colours', share: 1, examples }];
const LORA: TrainerSettings['method'] = { kind: 'lora', rank: 4, alpha: 8, targets: ['q_proj', 'v_proj', 'down_proj'] };

function train(settings: Partial<TrainerSettings>): { losses: number[]; digest: string; trainer: Trainer } {
  const trainer = new Trainer({ base, pools, settings: { steps: 12, batchSize: 8, ...settings } });
  const losses: number[] = [];
  while (!trainer.isDone) losses.push(trainer.step().loss);
  return { losses, digest: parametersDigest(trainer.model().parameters), trainer };
}

describe('trainer', () => {
  it('learns: from chance to every answer right', () => {
    const { trainer } = train({ steps: 150, learningRate: 5e-3, laterTokenWeight: 0.2 });
    expect(evaluateAnswers(base, COLOUR_ROWS).accuracy).toBeLessThan(0.1);
    const learned = evaluateAnswers(trainer.model(), COLOUR_ROWS);
    expect(learned).toMatchObject({ rows: 32, exact: 32, accuracy: 1 });
    expect(learned.answers[0]).toEqual({ answer: 'red', isExact: true });
  });

  it('gives the same weights for the same seed and others for another', () => {
    const first = train({ seed: 5, promptDropout: 0.2 });
    expect(train({ seed: 5, promptDropout: 0.2 })).toMatchObject({ losses: first.losses, digest: first.digest });
    expect(train({ seed: 6, promptDropout: 0.2 }).digest).not.toBe(first.digest);
  });

  it('does not change the base it started from', () => {
    const before = parametersDigest(base.parameters);
    train({});
    expect(parametersDigest(base.parameters)).toBe(before);
  });

  it('weighs rows alike whether they come as one batch or as eight micro-batches', () => {
    // One row only, so that both draw the same.
    const input = { base, pools: [{ name: 'one', share: 1, examples: examples.slice(0, 1) }] };
    const whole = new Trainer({ ...input, settings: { steps: 2, batchSize: 8 } });
    const parts = new Trainer({ ...input, settings: { steps: 2, batchSize: 1, accumulation: 8 } });
    for (let i = 0; i < 2; i++) {
      const [a, b] = [whole.step(), parts.step()];
      expect(b.scoredTokens).toBe(a.scoredTokens);
      expect(b.loss).toBeCloseTo(a.loss, 5);
      expect(b.gradientNorm).toBeCloseTo(a.gradientNorm, 4);
    }
  });

  it('pretrains on plain text windows', () => {
    const windows = encodeTextWindows(
      base.tokenizer,
      COLOUR_ROWS.map(({ prompt, answer }) => prompt + answer),
      32,
    );
    const trainer = new Trainer({
      base,
      pools: [{ name: 'text', share: 1, examples: windows }],
      settings: { steps: 60, batchSize: 8 },
    });
    const first = trainer.step().loss;
    let last = first;
    while (!trainer.isDone) last = trainer.step().loss;
    expect(first).toBeGreaterThan(5);
    expect(last).toBeLessThan(first - 1);
  });

  it('draws from pools by their share', () => {
    const many = [
      { name: 'a', share: 3, examples: examples.slice(0, 16) },
      { name: 'b', share: 1, examples: examples.slice(16) },
    ];
    expect(new Trainer({ base, pools: many, settings: { steps: 1 } }).step().step).toBe(1);
    expect(() => new Trainer({ base, pools: [{ ...many[0], share: 0 }] })).toThrow(/pool a share/);
    expect(() => new Trainer({ base, pools: [{ ...many[0], examples: [] }] })).toThrow(/pool a: has no rows/);
    expect(() => new Trainer({ base, pools: [] })).toThrow(/pools/);
  });

  it('stops with the step named when the loss is no number', () => {
    const broken = { ...base, parameters: base.parameters.map((v, i) => (i === 5000 ? NaN : v)) };
    const trainer = new Trainer({ base: broken, pools, settings: { steps: 3 } });
    expect(() => trainer.step()).toThrow(expect.objectContaining({ code: 'TINY_LM.LOSS_NOT_FINITE', field: 'step 1' }));
  });

  it('refuses to go beyond its budget', () => {
    const { trainer } = train({ steps: 2 });
    expect(() => trainer.step()).toThrow(/budget of 2 steps/);
  });

  it.each<[object, string]>([
    [{ steps: 0 }, 'steps'],
    [{ learningRate: -1 }, 'learningRate'],
    [{ promptDropout: 0.99 }, 'promptDropout'],
    [{ schedule: 'step' }, 'schedule'],
    [{ learning_rate: 1 }, 'learning_rate'],
    [{ method: { kind: 'lora', rank: 0, alpha: 1, targets: ['q_proj'] } }, 'method.rank'],
    [{ method: { kind: 'lora', rank: 2, alpha: 1, targets: ['lm_head'] } }, 'method.targets'],
  ])('refuses settings %j by name', (settings, field) => {
    expect(() => new Trainer({ base, pools, settings })).toThrow(
      expect.objectContaining({ code: 'TINY_LM.SETTINGS_INVALID', field }),
    );
  });

  it('refuses rows that are empty or do not fit, by number', () => {
    const { tokenizer } = base;
    expect(() => encodeAnswerRows(tokenizer, [COLOUR_ROWS[0], { prompt: '', answer: ' x' }], 64)).toThrow(
      /row 1: has an empty prompt/,
    );
    expect(() => encodeAnswerRows(tokenizer, [{ prompt: 'x', answer: '' }], 64)).toThrow(/row 0: has an empty answer/);
    expect(() => encodeAnswerRows(tokenizer, [{ prompt: 'x'.repeat(100), answer: ' y' }], 64)).toThrow(
      /row 0: has 10\d tokens; .*64/,
    );
  });
});

describe('LoRA', () => {
  it('starts from the base, learns, and leaves every other tensor alone', () => {
    const { losses, trainer } = train({ method: LORA, steps: 60, learningRate: 1e-2 });
    expect(losses[0]).toBeCloseTo(train({ steps: 1 }).losses[0], 6);
    expect(losses[59]).toBeLessThan(losses[0] - 0.2);
    const { parameters } = trainer.model();
    const changed = new LlamaNetwork(base.config, { sequencesMax: 1, trainable: false }).layout.slots
      .filter(({ offset, length }) => parameters.slice(offset, offset + length).some((v, i) => v !== base.parameters[offset + i]))
      .map(({ name }) => name.split('.').at(-2));
    expect([...new Set(changed)].sort()).toEqual(['down_proj', 'q_proj', 'v_proj']);
  });

  it('has the right gradient for A and B (finite differences of the loss)', () => {
    const settings = { kind: 'lora' as const, rank: 3, alpha: 6, targets: ['k_proj' as const, 'gate_proj' as const] };
    const loudBase = base.parameters.map((v) => (v === 1 ? 1 : v * 10));
    let lora: LoraAdapters | undefined;
    const network = new LlamaNetwork(base.config, {
      sequencesMax: 4,
      trainable: true,
      extend: (arena) => {
        lora = new LoraAdapters(settings, new LlamaNetwork(base.config, { sequencesMax: 1, trainable: false }).layout, loudBase);
        lora.reserve(arena);
      },
    });
    if (!lora) throw new Error('no adapters');
    const adapters = lora;
    network.load(loudBase);
    const start = adapters.values >> 2;
    for (let i = 0; i < adapters.length; i++) network.floats[start + i] = Math.sin(i * 12.9898) * 0.3;
    const batch = assembleBatch(examples.slice(0, 4), { contextTokens: 64, padId: base.config.padId, laterTokenWeight: 0.5 });
    const inverse = 1 / batch.weights.reduce((a, b) => a + b, 0);
    const loss = (): number => {
      adapters.merge(network);
      network.forward(batch);
      return network.loss(batch, inverse);
    };
    loss();
    network.zeroGradients();
    network.backward(batch);
    adapters.collectGradients(network);
    const at = adapters.gradients >> 2;
    const gradients = network.floats.slice(at, at + adapters.length);
    const largest = gradients.reduce((max, g) => Math.max(max, Math.abs(g)), 0);
    expect(largest).toBeGreaterThan(0.001);
    // The loss is computed in float32 here, so the steps are large and the tolerance is that of float32.
    for (let i = 0; i < adapters.length; i += Math.ceil(adapters.length / 60)) {
      const kept = network.floats[start + i];
      network.floats[start + i] = kept + 4e-3;
      const above = loss();
      network.floats[start + i] = kept - 4e-3;
      const difference = (above - loss()) / 8e-3;
      network.floats[start + i] = kept;
      expect(Math.abs(difference - gradients[i])).toBeLessThan(0.01 * largest + 1e-4);
    }
  });
});
