// SPDX-License-Identifier: Apache-2.0
import { Generator, LlamaNetwork, logProbabilities, Random, sampleToken, topTokens, type TinyModel } from '../src/index';
import { CachedDecoder } from '../src/cached-decoder';
import { StopScanner } from '../src/stop-scanner';
import { COLOUR_ROWS, smallModel } from './small-model';

// Fresh weights made louder, so that the next token is not a coin toss.
const quiet = smallModel();
const model: TinyModel = { ...quiet, parameters: quiet.parameters.map((v) => (v === 1 ? 1 : v * 15)) };
const generator = new Generator(model);
const prompt = COLOUR_ROWS[0].prompt;

function trainerLogits(ids: number[]): Float32Array[] {
  const network = new LlamaNetwork(model.config, { sequencesMax: 1, trainable: false });
  network.load(model.parameters);
  const all = Int32Array.from(ids);
  const batch = {
    sequences: 1,
    tokens: ids.length,
    ids: all,
    scored: Int32Array.from(all.keys()),
    targets: all,
    weights: new Float32Array(ids.length),
  };
  const flat = network.forward(batch);
  return ids.map((_, t) => flat.slice(t * model.config.vocabSize, (t + 1) * model.config.vocabSize));
}

describe('generator', () => {
  it('computes the logits of the trainer, token by token and in pieces', () => {
    const random = Random.from('ids');
    const ids = Array.from({ length: 40 }, () => random.below(model.config.vocabSize));
    const expected = trainerLogits(ids);
    const decoder = new CachedDecoder(model.config, model.parameters);
    for (const cuts of [ids.map((_, i) => i + 1), [40], [1, 7, 8, 23, 40]]) {
      decoder.reset();
      let start = 0;
      for (const end of cuts) {
        const logits = decoder.append(ids.slice(start, end));
        const worst = logits.reduce((max, v, i) => Math.max(max, Math.abs(v - expected[end - 1][i])), 0);
        expect(worst).toBeLessThan(1e-4);
        start = end;
      }
    }
  });

  it('repeats itself at temperature 0 and with a seed, and varies without', () => {
    const greedy = generator.generate(prompt, { temperature: 0, maxTokens: 20 });
    expect(generator.generate(prompt, { temperature: 0, maxTokens: 20 })).toEqual(greedy);
    const seeded = generator.generate(prompt, { temperature: 1.5, maxTokens: 20, seed: 3 });
    expect(generator.generate(prompt, { temperature: 1.5, maxTokens: 20, seed: 3 })).toEqual(seeded);
    expect(generator.generate(prompt, { temperature: 1.5, maxTokens: 20, seed: 4 }).text).not.toBe(seeded.text);
  });

  it('counts tokens and says why it ended', () => {
    const { finishReason, promptTokens, completionTokens, tokens } = generator.generate(prompt, { temperature: 0, maxTokens: 5 });
    expect(promptTokens).toBe(model.tokenizer.encode(prompt).length);
    expect(finishReason === 'length' ? completionTokens : 5).toBe(5);
    expect(tokens.length).toBeLessThanOrEqual(5);
  });

  it('streams the same text that it returns, and may be left early', () => {
    const options = { temperature: 1, seed: 8, maxTokens: 25 };
    const whole = generator.generate(prompt, options).text;
    let streamed = '';
    for (const piece of generator.stream(prompt, options)) streamed += piece.text;
    expect(streamed).toBe(whole);
    for (const piece of generator.stream(prompt, options)) {
      expect(whole.startsWith(piece.text)).toBe(true);
      break;
    }
    expect(generator.generate(prompt, options).text).toBe(whole);
  });

  it('ends before a stop sequence', () => {
    const { text } = generator.generate(prompt, { temperature: 1, seed: 8, maxTokens: 25 });
    const stop = text.slice(4, 6);
    const stopped = generator.generate(prompt, { temperature: 1, seed: 8, maxTokens: 25, stop: [stop] });
    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(stopped.finishReason).toBe('stop');
  });

  it('reports log probabilities that add up', () => {
    const { tokens } = generator.generate(prompt, { temperature: 0, maxTokens: 3, logprobs: model.config.vocabSize });
    for (const { id, logprob, top } of tokens) {
      expect(top[0]).toEqual({ id, logprob });
      expect(top.reduce((sum, entry) => sum + Math.exp(entry.logprob), 0)).toBeCloseTo(1, 6);
    }
  });

  it.each([
    ['', {}],
    ['the apple '.repeat(60), {}],
    ['the apple', { maxTokens: 100 }],
  ])('refuses a prompt that does not fit the context: %#', (text, options) => {
    expect(() => generator.generate(text, options)).toThrow(expect.objectContaining({ code: 'TINY_LM.CONTEXT_LENGTH_EXCEEDED' }));
  });
});

describe('sampling', () => {
  const logprobs = logProbabilities(Float32Array.of(2, 1, 0, -1));
  const share = (temperature: number, topP: number, id: number): number => {
    const random = Random.from('share', temperature, topP);
    let hits = 0;
    for (let i = 0; i < 20_000; i++) if (sampleToken(logprobs, temperature, topP, random) === id) hits++;
    return hits / 20_000;
  };

  it('draws each token as often as its probability says', () => {
    for (const id of [0, 1, 2, 3]) expect(Math.abs(share(1, 1, id) - Math.exp(logprobs[id]))).toBeLessThan(0.012);
  });

  it('sharpens with a low temperature and cuts the tail with top_p', () => {
    expect(share(0.25, 1, 0)).toBeGreaterThan(0.97);
    // Probabilities .64 .24 .09 .03: 0.8 keeps two of them.
    expect(share(1, 0.8, 2) + share(1, 0.8, 3)).toBe(0);
    expect(Math.abs(share(1, 0.8, 1) - 0.269)).toBeLessThan(0.012);
    expect(share(1, 0, 0)).toBe(1);
  });

  it('ranks the likeliest first', () => {
    expect(topTokens(logprobs, 2).map(({ id }) => id)).toEqual([0, 1]);
  });
});

describe('stop scanner', () => {
  const run = (stops: string[], pieces: string[]): [string, boolean] => {
    const scanner = new StopScanner(stops);
    const out = pieces.map((piece) => scanner.push(piece)).join('');
    return [out + scanner.rest(), scanner.found];
  };

  it.each([
    [['END'], ['abE', 'N', 'Dxyz'], 'ab', true],
    [['END'], ['abE', 'N', 'ext'], 'abENext', false],
    [['aab'], ['aa', 'aab'], 'aa', true],
    [['x', 'bcd'], ['ab', 'cdx'], 'a', true],
    [[''], ['ab'], 'ab', false],
    [[], ['ab', 'c'], 'abc', false],
  ])('with %j turns %j into %j', (stops, pieces, text, found) => {
    expect(run(stops, pieces)).toEqual([text, found]);
  });

  it('lets go of text as soon as it is certain', () => {
    const scanner = new StopScanner(['\n\n']);
    expect(scanner.push('one\n')).toBe('one');
    expect(scanner.push('two')).toBe('\ntwo');
  });
});
