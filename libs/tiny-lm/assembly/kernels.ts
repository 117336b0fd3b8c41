// SPDX-License-Identifier: Apache-2.0
// SIMD kernels over one linear memory. AssemblyScript, built by `npm run wasm:build` into ../wasm/kernels.wasm.
// Every pointer is a byte offset of a little-endian f32 (or i32 for ids) array; every stride is in elements.
// All kernels accept any size: whole vectors first, then a scalar tail. Order of additions is fixed, so results are
// the same bits on every machine.

// @ts-ignore: decorator
@inline function get(p: usize, i: i32): f32 { return load<f32>(p + ((<usize>i) << 2)); }
// @ts-ignore: decorator
@inline function set(p: usize, i: i32, v: f32): void { store<f32>(p + ((<usize>i) << 2), v); }
// @ts-ignore: decorator
@inline function at(p: usize, i: i32): usize { return p + ((<usize>i) << 2); }
// @ts-ignore: decorator
@inline function sum4(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** e^x for four lanes: x = n ln2 + r, degree-6 polynomial in r, then n added to the exponent bits. Relative error < 3e-7. */
// @ts-ignore: decorator
@inline function exp4(x0: v128): v128 {
  const x = f32x4.min(f32x4.max(x0, f32x4.splat(-87.0)), f32x4.splat(88.0));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.4426950408889634)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let y = f32x4.splat(0.0013888889);
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(0.008333334));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(0.041666668));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(0.16666667));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(0.5));
  y = f32x4.add(f32x4.mul(f32x4.mul(y, r), r), f32x4.add(r, f32x4.splat(1.0)));
  const bits = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(y, bits);
}

// @ts-ignore: decorator
@inline function exp1(x: f32): f32 { return f32x4.extract_lane(exp4(f32x4.splat(x)), 0); }

// ---- matrix product: C[M,N] (+)= A * B. A(i,k) lies at a + 4*(i*ai + k*ak): the same kernel reads A or its transpose. B rows are contiguous.

function tile4(a: usize, ai: usize, ak: usize, b: usize, lb: usize, c: usize, lc: usize, N: i32, K: i32, acc: i32): void {
  const a2 = ai * 2, a3 = ai * 3;
  let j = 0;
  for (; j + 8 <= N; j += 8) {
    let p = at(c, j);
    let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
    if (acc) {
      s00 = v128.load(p); s01 = v128.load(p, 16);
      s10 = v128.load(p + lc); s11 = v128.load(p + lc, 16);
      s20 = v128.load(p + 2 * lc); s21 = v128.load(p + 2 * lc, 16);
      s30 = v128.load(p + 3 * lc); s31 = v128.load(p + 3 * lc, 16);
    }
    let q = at(b, j), x = a;
    for (let k = 0; k < K; k++) {
      const b0 = v128.load(q), b1 = v128.load(q, 16);
      let v = v128.load32_splat(x);
      s00 = f32x4.add(s00, f32x4.mul(v, b0)); s01 = f32x4.add(s01, f32x4.mul(v, b1));
      v = v128.load32_splat(x + ai);
      s10 = f32x4.add(s10, f32x4.mul(v, b0)); s11 = f32x4.add(s11, f32x4.mul(v, b1));
      v = v128.load32_splat(x + a2);
      s20 = f32x4.add(s20, f32x4.mul(v, b0)); s21 = f32x4.add(s21, f32x4.mul(v, b1));
      v = v128.load32_splat(x + a3);
      s30 = f32x4.add(s30, f32x4.mul(v, b0)); s31 = f32x4.add(s31, f32x4.mul(v, b1));
      x += ak; q += lb;
    }
    v128.store(p, s00); v128.store(p, s01, 16); p += lc;
    v128.store(p, s10); v128.store(p, s11, 16); p += lc;
    v128.store(p, s20); v128.store(p, s21, 16); p += lc;
    v128.store(p, s30); v128.store(p, s31, 16);
  }
  if (j < N) {
    for (let i: usize = 0; i < 4; i++) edge(a + i * ai, ak, at(b, j), lb, at(c, j) + i * lc, N - j, K, acc);
  }
}

// One row against fewer than 8 columns, or against any number of them when M is not a multiple of 4.
function edge(a: usize, ak: usize, b: usize, lb: usize, c: usize, N: i32, K: i32, acc: i32): void {
  let j = 0;
  for (; j + 16 <= N; j += 16) {
    const p = at(c, j);
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    if (acc) { s0 = v128.load(p); s1 = v128.load(p, 16); s2 = v128.load(p, 32); s3 = v128.load(p, 48); }
    let q = at(b, j), x = a;
    for (let k = 0; k < K; k++) {
      const v = v128.load32_splat(x);
      s0 = f32x4.add(s0, f32x4.mul(v, v128.load(q))); s1 = f32x4.add(s1, f32x4.mul(v, v128.load(q, 16)));
      s2 = f32x4.add(s2, f32x4.mul(v, v128.load(q, 32))); s3 = f32x4.add(s3, f32x4.mul(v, v128.load(q, 48)));
      x += ak; q += lb;
    }
    v128.store(p, s0); v128.store(p, s1, 16); v128.store(p, s2, 32); v128.store(p, s3, 48);
  }
  for (; j + 4 <= N; j += 4) {
    const p = at(c, j);
    let s = f32x4.splat(0);
    if (acc) s = v128.load(p);
    let q = at(b, j), x = a;
    for (let k = 0; k < K; k++) { s = f32x4.add(s, f32x4.mul(v128.load32_splat(x), v128.load(q))); x += ak; q += lb; }
    v128.store(p, s);
  }
  for (; j < N; j++) {
    let s: f32 = acc ? get(c, j) : 0;
    let q = at(b, j), x = a;
    for (let k = 0; k < K; k++) { s += load<f32>(x) * load<f32>(q); x += ak; q += lb; }
    set(c, j, s);
  }
}

/** C[M,N] (+)= A[M,K] B[K,N]; `ai`/`ak` are A's strides along i and k, `ldb`/`ldc` row strides, `acc` 1 adds into C. */
export function matmul(a: usize, ai: i32, ak: i32, b: usize, ldb: i32, c: usize, ldc: i32, M: i32, N: i32, K: i32, acc: i32): void {
  const si = (<usize>ai) << 2, sk = (<usize>ak) << 2, lb = (<usize>ldb) << 2, lc = (<usize>ldc) << 2;
  // Blocks of K keep the columns of B that a row block re-reads inside the first-level cache.
  for (let k0 = 0; k0 < K; k0 += 256) {
    const kn = min(256, K - k0), pa = a + <usize>k0 * sk, pb = b + <usize>k0 * lb, add = k0 > 0 ? 1 : acc;
    let i = 0;
    for (; i + 4 <= M; i += 4) tile4(pa + <usize>i * si, si, sk, pb, lb, c + <usize>i * lc, lc, N, kn, add);
    for (; i < M; i++) edge(pa + <usize>i * si, sk, pb, lb, c + <usize>i * lc, N, kn, add);
  }
  if (K <= 0 && !acc) for (let i = 0; i < M; i++) memory.fill(c + <usize>i * lc, 0, (<usize>N) << 2);
}

/** out[N,M] = a[M,N]^T; row strides `lda` and `ldo`. */
export function transpose(a: usize, lda: i32, out: usize, ldo: i32, M: i32, N: i32): void {
  const la = (<usize>lda) << 2, lo = (<usize>ldo) << 2;
  let i = 0;
  for (; i + 4 <= M; i += 4) {
    let j = 0;
    for (; j + 4 <= N; j += 4) {
      const p = a + <usize>i * la + ((<usize>j) << 2);
      const r0 = v128.load(p), r1 = v128.load(p + la), r2 = v128.load(p + 2 * la), r3 = v128.load(p + 3 * la);
      const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      const q = out + <usize>j * lo + ((<usize>i) << 2);
      v128.store(q, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5)); v128.store(q + lo, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7));
      v128.store(q + 2 * lo, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5)); v128.store(q + 3 * lo, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7));
    }
    for (; j < N; j++) for (let r = i; r < i + 4; r++) store<f32>(out + <usize>j * lo + ((<usize>r) << 2), load<f32>(a + <usize>r * la + ((<usize>j) << 2)));
  }
  for (; i < M; i++) for (let j = 0; j < N; j++) store<f32>(out + <usize>j * lo + ((<usize>i) << 2), load<f32>(a + <usize>i * la + ((<usize>j) << 2)));
}

// ---- rows

/** out[i] = table[ids[i]] for n rows of D. Also gathers activations by row number. */
export function gatherRows(ids: usize, table: usize, out: usize, n: i32, D: i32): void {
  for (let i = 0; i < n; i++) memory.copy(at(out, i * D), table + ((<usize>load<i32>(at(ids, i)) * D) << 2), (<usize>D) << 2);
}

/** table[ids[i]] += rows[i]. */
export function scatterAddRows(ids: usize, rows: usize, table: usize, n: i32, D: i32): void {
  for (let i = 0; i < n; i++) addInto(table + ((<usize>load<i32>(at(ids, i)) * D) << 2), at(rows, i * D), D);
}

/** a += b over n elements. */
export function addInto(a: usize, b: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) v128.store(at(a, i), f32x4.add(v128.load(at(a, i)), v128.load(at(b, i))));
  for (; i < n; i++) set(a, i, get(a, i) + get(b, i));
}

/** out = a * k over n elements (out may be a). */
export function scale(a: usize, out: usize, n: i32, k: f32): void {
  const kv = f32x4.splat(k);
  let i = 0;
  for (; i + 4 <= n; i += 4) v128.store(at(out, i), f32x4.mul(v128.load(at(a, i)), kv));
  for (; i < n; i++) set(out, i, get(a, i) * k);
}

// ---- RMSNorm

/** out = x / sqrt(mean(x^2) + eps) * g for n rows of D; `rs` receives the reciprocal root of each row. */
export function rmsForward(x: usize, g: usize, out: usize, rs: usize, n: i32, D: i32, eps: f32): void {
  for (let i = 0; i < n; i++) {
    const p = at(x, i * D), q = at(out, i * D);
    let sv = f32x4.splat(0), d = 0;
    for (; d + 4 <= D; d += 4) { const v = v128.load(at(p, d)); sv = f32x4.add(sv, f32x4.mul(v, v)); }
    let s = sum4(sv);
    for (; d < D; d++) { const v = get(p, d); s += v * v; }
    const k: f32 = <f32>1.0 / sqrt<f32>(s / <f32>D + eps), kv = f32x4.splat(k);
    set(rs, i, k);
    for (d = 0; d + 4 <= D; d += 4) v128.store(at(q, d), f32x4.mul(f32x4.mul(v128.load(at(p, d)), kv), v128.load(at(g, d))));
    for (; d < D; d++) set(q, d, get(p, d) * k * get(g, d));
  }
}

/** dx += d(rms)/dx, dg += d(rms)/dg, from dy of n rows. */
export function rmsBackward(x: usize, g: usize, rs: usize, dy: usize, dx: usize, dg: usize, n: i32, D: i32): void {
  for (let i = 0; i < n; i++) {
    const p = at(x, i * D), y = at(dy, i * D), w = at(dx, i * D), k = get(rs, i), kv = f32x4.splat(k);
    let sv = f32x4.splat(0), d = 0;
    for (; d + 4 <= D; d += 4) {
      const yx = f32x4.mul(v128.load(at(y, d)), v128.load(at(p, d)));
      v128.store(at(dg, d), f32x4.add(v128.load(at(dg, d)), f32x4.mul(yx, kv)));
      sv = f32x4.add(sv, f32x4.mul(yx, v128.load(at(g, d))));
    }
    let s = sum4(sv);
    for (; d < D; d++) { const yx = get(y, d) * get(p, d); set(dg, d, get(dg, d) + yx * k); s += yx * get(g, d); }
    s = s * k * k * k / <f32>D;
    const s4 = f32x4.splat(s);
    for (d = 0; d + 4 <= D; d += 4) {
      const t = f32x4.mul(f32x4.mul(v128.load(at(y, d)), v128.load(at(g, d))), kv);
      v128.store(at(w, d), f32x4.sub(f32x4.add(v128.load(at(w, d)), t), f32x4.mul(v128.load(at(p, d)), s4)));
    }
    for (; d < D; d++) set(w, d, get(w, d) + get(y, d) * get(g, d) * k - get(p, d) * s);
  }
}

// ---- rotary positions (the half-split form: element i turns with element i + hd/2)

/** Turns `heads` heads of width hd in each of n rows of stride ld, in place. Row i has position pos0 + i % T. sign -1 turns back. */
export function rope(x: usize, ld: i32, n: i32, T: i32, pos0: i32, heads: i32, hd: i32, cos: usize, sin: usize, sign: f32): void {
  const half = hd >> 1;
  for (let i = 0; i < n; i++) {
    const t = pos0 + i % T, c = at(cos, t * half), s = at(sin, t * half);
    for (let h = 0; h < heads; h++) {
      const p = at(x, i * ld + h * hd), q = at(p, half);
      let d = 0;
      for (; d + 4 <= half; d += 4) {
        const a = v128.load(at(p, d)), b = v128.load(at(q, d)), cv = v128.load(at(c, d)), sv = f32x4.mul(v128.load(at(s, d)), f32x4.splat(sign));
        v128.store(at(p, d), f32x4.sub(f32x4.mul(a, cv), f32x4.mul(b, sv)));
        v128.store(at(q, d), f32x4.add(f32x4.mul(b, cv), f32x4.mul(a, sv)));
      }
      for (; d < half; d++) {
        const a = get(p, d), b = get(q, d), cv = get(c, d), sv = get(s, d) * sign;
        set(p, d, a * cv - b * sv); set(q, d, b * cv + a * sv);
      }
    }
  }
}

// ---- attention

// Softmax of the first `len` scores of a row of `width`; the rest becomes 0.
// @ts-ignore: decorator
@inline function softmaxRow(p: usize, len: i32, width: i32, k: f32): void {
  let m: f32 = -3.4e38;
  for (let j = 0; j < len; j++) { const v = get(p, j) * k; set(p, j, v); m = max(m, v); }
  const mv = f32x4.splat(m);
  let zv = f32x4.splat(0), j = 0;
  for (; j + 4 <= len; j += 4) { const e = exp4(f32x4.sub(v128.load(at(p, j)), mv)); v128.store(at(p, j), e); zv = f32x4.add(zv, e); }
  let z = sum4(zv);
  for (; j < len; j++) { const e = exp1(get(p, j) - m); set(p, j, e); z += e; }
  z = <f32>1.0 / z;
  for (j = 0; j < len; j++) set(p, j, get(p, j) * z);
  for (; j < width; j++) set(p, j, 0);
}

/**
 * Causal attention of B sequences of T rows. `qkv` rows hold H query heads, then G key heads, then G value heads, each hd wide
 * (H a multiple of G). `att` [B,H,T,T] keeps the probabilities for the backward pass, `y` [B*T, H*hd] the result. `scratch`: hd*T.
 */
export function attentionForward(qkv: usize, att: usize, y: usize, scratch: usize, B: i32, T: i32, H: i32, G: i32, hd: i32): void {
  const ld = (H + 2 * G) * hd, group = H / G, k: f32 = <f32>1.0 / sqrt<f32>(<f32>hd);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const base = at(qkv, b * T * ld), q = at(base, h * hd), kh = at(base, (H + h / group) * hd), vh = at(base, (H + G + h / group) * hd);
      const S = at(att, (b * H + h) * T * T);
      transpose(kh, ld, scratch, T, T, hd);
      matmul(q, ld, 1, scratch, T, S, T, T, T, hd, 0);
      for (let i = 0; i < T; i++) softmaxRow(at(S, i * T), i + 1, T, k);
      matmul(S, T, 1, vh, ld, at(y, b * T * H * hd + h * hd), H * hd, T, hd, T, 0);
    }
  }
}

/** Gradient of attentionForward: writes dqkv (whole rows). `scratch`: hd*T + T*T. */
export function attentionBackward(qkv: usize, att: usize, dy: usize, dqkv: usize, scratch: usize, B: i32, T: i32, H: i32, G: i32, hd: i32): void {
  const ld = (H + 2 * G) * hd, group = H / G, k: f32 = <f32>1.0 / sqrt<f32>(<f32>hd), dS = at(scratch, hd * T);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvh = h / group, first = h % group == 0 ? 0 : 1, row = b * T * ld;
      const q = at(qkv, row + h * hd), kh = at(qkv, row + (H + kvh) * hd), vh = at(qkv, row + (H + G + kvh) * hd);
      const dq = at(dqkv, row + h * hd), dk = at(dqkv, row + (H + kvh) * hd), dv = at(dqkv, row + (H + G + kvh) * hd);
      const S = at(att, (b * H + h) * T * T), dyh = at(dy, b * T * H * hd + h * hd);
      transpose(vh, ld, scratch, T, T, hd);
      matmul(dyh, H * hd, 1, scratch, T, dS, T, T, T, hd, 0);
      matmul(S, 1, T, dyh, H * hd, dv, ld, T, hd, T, first);
      for (let i = 0; i < T; i++) {
        const p = at(S, i * T), r = at(dS, i * T);
        let s: f32 = 0;
        for (let j = 0; j <= i; j++) s += get(p, j) * get(r, j);
        for (let j = 0; j <= i; j++) set(r, j, get(p, j) * (get(r, j) - s) * k);
        for (let j = i + 1; j < T; j++) set(r, j, 0);
      }
      matmul(dS, T, 1, kh, ld, dq, ld, T, hd, T, 0);
      matmul(dS, 1, T, q, ld, dk, ld, T, hd, T, first);
    }
  }
}

/**
 * n new rows of one sequence attend to the cache, which already holds their own keys and values: keys transposed per head
 * (`keys` [G, hd, C]), `values` [C, G*hd]. Row i sees positions 0 .. pos0+i. `scores`: C floats.
 */
export function attentionCached(q: usize, ldq: i32, keys: usize, values: usize, y: usize, scores: usize, n: i32, pos0: i32, C: i32, H: i32, G: i32, hd: i32): void {
  const group = H / G, k: f32 = <f32>1.0 / sqrt<f32>(<f32>hd);
  for (let i = 0; i < n; i++) {
    const len = pos0 + i + 1;
    for (let h = 0; h < H; h++) {
      const kvh = h / group;
      matmul(at(q, i * ldq + h * hd), hd, 1, at(keys, kvh * hd * C), C, scores, C, 1, len, hd, 0);
      softmaxRow(scores, len, len, k);
      matmul(scores, len, 1, at(values, kvh * hd), G * hd, at(y, i * H * hd + h * hd), hd, 1, hd, len, 0);
    }
  }
}

// ---- SwiGLU: rows of [gate I | up I]

/** out[n,I] = gate * sigmoid(gate) * up. */
export function swigluForward(gu: usize, out: usize, n: i32, I: i32): void {
  const one = f32x4.splat(1);
  for (let r = 0; r < n; r++) {
    const g = at(gu, r * 2 * I), u = at(g, I), o = at(out, r * I);
    let i = 0;
    for (; i + 4 <= I; i += 4) {
      const gv = v128.load(at(g, i)), s = f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(gv))));
      v128.store(at(o, i), f32x4.mul(f32x4.mul(gv, s), v128.load(at(u, i))));
    }
    for (; i < I; i++) { const gv = get(g, i); set(o, i, gv / (<f32>1 + exp1(-gv)) * get(u, i)); }
  }
}

/** dgu = gradient of the gate and up halves from dout[n,I]. */
export function swigluBackward(gu: usize, dout: usize, dgu: usize, n: i32, I: i32): void {
  const one = f32x4.splat(1);
  for (let r = 0; r < n; r++) {
    const g = at(gu, r * 2 * I), u = at(g, I), o = at(dout, r * I), dg = at(dgu, r * 2 * I), du = at(dg, I);
    let i = 0;
    for (; i + 4 <= I; i += 4) {
      const gv = v128.load(at(g, i)), s = f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(gv)))), d = v128.load(at(o, i)), gs = f32x4.mul(gv, s);
      v128.store(at(du, i), f32x4.mul(d, gs));
      const ds = f32x4.add(s, f32x4.mul(gs, f32x4.sub(one, s)));
      v128.store(at(dg, i), f32x4.mul(f32x4.mul(d, v128.load(at(u, i))), ds));
    }
    for (; i < I; i++) {
      const gv = get(g, i), s: f32 = <f32>1 / (<f32>1 + exp1(-gv)), d = get(o, i);
      set(du, i, d * gv * s); set(dg, i, d * get(u, i) * (s + gv * s * (<f32>1 - s)));
    }
  }
}

// ---- loss and optimizer

/**
 * Cross entropy of n rows of V logits against targets; logits become their gradient (weight_i * inv * (softmax - onehot)).
 * out[3i..3i+2] = row maximum, sum of exp(x - maximum), logit of the target: the caller takes the logarithm in float64.
 */
export function crossEntropy(logits: usize, targets: usize, weights: usize, out: usize, n: i32, V: i32, inv: f32): void {
  for (let i = 0; i < n; i++) {
    const p = at(logits, i * V), t = load<i32>(at(targets, i)), w = get(weights, i);
    let mv = f32x4.splat(-3.4e38), j = 0;
    for (; j + 4 <= V; j += 4) mv = f32x4.max(mv, v128.load(at(p, j)));
    let m = max(max(f32x4.extract_lane(mv, 0), f32x4.extract_lane(mv, 1)), max(f32x4.extract_lane(mv, 2), f32x4.extract_lane(mv, 3)));
    for (; j < V; j++) m = max(m, get(p, j));
    const own = get(p, t), m4 = f32x4.splat(m);
    let zv = f32x4.splat(0);
    for (j = 0; j + 4 <= V; j += 4) { const e = exp4(f32x4.sub(v128.load(at(p, j)), m4)); v128.store(at(p, j), e); zv = f32x4.add(zv, e); }
    let z = sum4(zv);
    for (; j < V; j++) { const e = exp1(get(p, j) - m); set(p, j, e); z += e; }
    scale(p, p, V, w * inv / z);
    set(p, t, get(p, t) - w * inv);
    set(out, 3 * i, m); set(out, 3 * i + 1, z); set(out, 3 * i + 2, own);
  }
}

/** Sum of squares in float64. */
export function sumSquares(g: usize, n: i32): f64 {
  let a: f64 = 0, b: f64 = 0, i = 0;
  for (; i + 2 <= n; i += 2) { const x = <f64>get(g, i), y = <f64>get(g, i + 1); a += x * x; b += y * y; }
  for (; i < n; i++) { const x = <f64>get(g, i); a += x * x; }
  return a + b;
}

/** AdamW on n elements: c1 and c2 are 1/(1-beta^t), gs scales the gradient (clipping), wd the decoupled decay. */
export function adamw(p: usize, g: usize, m: usize, v: usize, n: i32, lr: f32, b1: f32, b2: f32, eps: f32, c1: f32, c2: f32, gs: f32, wd: f32): void {
  const keep: f32 = <f32>1 - lr * wd;
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const x = f32x4.mul(v128.load(at(g, i)), f32x4.splat(gs));
    const mm = f32x4.add(f32x4.mul(v128.load(at(m, i)), f32x4.splat(b1)), f32x4.mul(x, f32x4.splat(<f32>1 - b1)));
    const vv = f32x4.add(f32x4.mul(v128.load(at(v, i)), f32x4.splat(b2)), f32x4.mul(f32x4.mul(x, x), f32x4.splat(<f32>1 - b2)));
    v128.store(at(m, i), mm); v128.store(at(v, i), vv);
    const d = f32x4.add(f32x4.sqrt(f32x4.mul(vv, f32x4.splat(c2))), f32x4.splat(eps));
    const step = f32x4.div(f32x4.mul(f32x4.mul(mm, f32x4.splat(c1)), f32x4.splat(lr)), d);
    v128.store(at(p, i), f32x4.sub(f32x4.mul(v128.load(at(p, i)), f32x4.splat(keep)), step));
  }
  for (; i < n; i++) {
    const x = get(g, i) * gs, mm: f32 = get(m, i) * b1 + x * (<f32>1 - b1), vv: f32 = get(v, i) * b2 + x * x * (<f32>1 - b2);
    set(m, i, mm); set(v, i, vv);
    set(p, i, get(p, i) * keep - mm * c1 * lr / (sqrt<f32>(vv * c2) + eps));
  }
}
