// Functions of float32 that are computed in float64 and rounded once: powers, sines, cosines, tangents.
//
// The float64 results are good to 2^-33 and better, so that all but few of the rounded ones are the float32 nearest to the exact value.

/** Bits of 4 / pi from where an exponent makes them count, 8 bits further in each word (glibc, sincosf). */
const FOUR_OVER_PI: usize = memory.data<u32>([
  0xa2, 0xa2f9, 0xa2f983, 0xa2f9836e, 0xf9836e4e, 0x836e4e44, 0x6e4e4415, 0x4e441529, 0x441529fc, 0x1529fc27,
  0x29fc2757, 0xfc2757d1, 0x2757d1f5, 0x57d1f534, 0xd1f534dd, 0xf534ddc0, 0x34ddc0db, 0xddc0db62, 0xc0db6295,
  0xdb629599, 0x6295993c, 0x95993c43, 0x993c4390, 0x3c439041,
]);
const TWO_OVER_PI: f64 = 0.6366197723675814;
/** pi / 2: 25 bits, and the rest. */
const HALF_PI_HIGH: f64 = 1.5707963109016418;
const HALF_PI_LOW: f64 = 1.5893254773528196e-8;
/** pi / 2 divided by 2^62 */
const HALF_PI_FIXED: f64 = 3.4061215800865545e-19;
/** Up to here the product of HALF_PI_HIGH and the number of quarter turns is exact. */
const EXACT_TURNS: f64 = 2e8;

/** The bits of the root of 1/2 as float64. */
const ROOT_OF_HALF: i64 = ((<i64>0x3fe6a09e) << 32) | 0x667f3bcd;

/** sin(r) for |r| <= pi / 4 */
function sinReduced(r: f64): f64 {
  const z = r * r;
  const p = 0.0083333293858894631756 + z * (-0.000198393348360966317347 + z * 0.0000027183114939898219064);
  return r + r * z * (-0.166666666416265235595 + z * p);
}

/** cos(r) for |r| <= pi / 4 */
function cosReduced(r: f64): f64 {
  const z = r * r;
  const p = 0.0416666233237390631894 + z * (-0.00138867637746099294692 + z * 0.0000243904487962774090654);
  return 1 + z * (-0.49999999725103100312 + z * p);
}

/** sin(|x| + quarters pi / 2), negated for x < 0 if `odd`. */
function sinShifted(x: f32, quarters: i32, odd: bool): f32 {
  const magnitude = <f64>abs(x);
  let turns: i32;
  let r: f64;
  if (magnitude < EXACT_TURNS) {
    const n = nearest(magnitude * TWO_OVER_PI);
    r = magnitude - n * HALF_PI_HIGH - n * HALF_PI_LOW;
    turns = <i32>n;
  } else if (magnitude < <f64>Infinity) {
    // As many bits of x * 4 / pi as decide: quarter turns above bit 62 of a fixed point number, the rest below.
    const bits = reinterpret<u32>(abs(x));
    const words = FOUR_OVER_PI + ((<usize>((bits >> 26) & 15)) << 2);
    const mantissa = ((bits & 0xffffff) | 0x800000) << ((bits >> 23) & 7);
    const high = (<u64>(mantissa * load<u32>(words))) << 32;
    const middle = <u64>mantissa * <u64>load<u32>(words, 16);
    const low = (<u64>mantissa * <u64>load<u32>(words, 32)) >> 32;
    const fixed = (high | low) + middle;
    const n = (fixed + (1 << 61)) >> 62;
    r = <f64>(<i64>(fixed - (n << 62))) * HALF_PI_FIXED;
    turns = <i32>n;
  } else return NaN;
  const quadrant = turns + quarters;
  let y = quadrant & 1 ? cosReduced(r) : sinReduced(r);
  if (quadrant & 2) y = -y;
  return <f32>(odd && x < 0 ? -y : y);
}

export class DoubleMath {
  /** sin(x), of any magnitude; NaN of infinities. */
  static sin(x: v128): v128 {
    let y = f32x4.splat(sinOf(f32x4.extract_lane(x, 0)));
    y = f32x4.replace_lane(y, 1, sinOf(f32x4.extract_lane(x, 1)));
    y = f32x4.replace_lane(y, 2, sinOf(f32x4.extract_lane(x, 2)));
    return f32x4.replace_lane(y, 3, sinOf(f32x4.extract_lane(x, 3)));
  }

  static cos(x: v128): v128 {
    let y = f32x4.splat(sinShifted(f32x4.extract_lane(x, 0), 1, false));
    y = f32x4.replace_lane(y, 1, sinShifted(f32x4.extract_lane(x, 1), 1, false));
    y = f32x4.replace_lane(y, 2, sinShifted(f32x4.extract_lane(x, 2), 1, false));
    return f32x4.replace_lane(y, 3, sinShifted(f32x4.extract_lane(x, 3), 1, false));
  }

  /** Of the rounded sine and cosine. */
  static tan(x: v128): v128 {
    return f32x4.div(DoubleMath.sin(x), DoubleMath.cos(x));
  }

  /** x^y as C's powf: 1 for y = 0 and for x = 1; NaN for x < 0 and y not whole. */
  static pow(x: v128, y: v128): v128 {
    const magnitude = f32x4.abs(x);
    const low = powOfPairs(f64x2.promote_low_f32x4(magnitude), f64x2.promote_low_f32x4(y));
    const high = powOfPairs(
      f64x2.promote_low_f32x4(v128.shuffle<f64>(magnitude, magnitude, 1, 1)),
      f64x2.promote_low_f32x4(v128.shuffle<f64>(y, y, 1, 1)),
    );
    let power = v128.shuffle<f64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
    const whole = f32x4.eq(f32x4.trunc(y), y);
    const half = f32x4.mul(y, f32x4.splat(0.5));
    const odd = v128.and(whole, f32x4.ne(f32x4.trunc(half), half));
    // The sign of x, -0 as well, stays for odd powers.
    power = v128.or(power, v128.and(v128.and(x, odd), i32x4.splat(1 << 31)));
    const one = f32x4.splat(1);
    const zero = f32x4.splat(0);
    const infinity = f32x4.splat(Infinity);
    const invalid = v128.and(v128.andnot(f32x4.lt(x, zero), whole), f32x4.lt(magnitude, infinity));
    const unordered = v128.or(f32x4.ne(x, x), f32x4.ne(y, y));
    power = v128.bitselect(f32x4.splat(NaN), power, v128.or(invalid, unordered));
    const unit = v128.or(f32x4.eq(x, one), f32x4.eq(y, zero));
    const limit = v128.and(f32x4.eq(magnitude, one), f32x4.eq(f32x4.abs(y), infinity));
    return v128.bitselect(one, power, v128.or(unit, limit));
  }
}

function sinOf(x: f32): f32 {
  // -0 stays.
  return x == 0 ? x : sinShifted(x, 0, true);
}

/** x^y = 2^(y log2(x)) for x >= 0; anything for NaN. */
function powOfPairs(x: v128, y: v128): v128 {
  // x = 2^e m, m between the roots of 1/2 and 2; log(m) = 2 artanh(s) = 2 (s + s^3 / 3 + ...), s = (m - 1) / (m + 1).
  const root = i64x2.splat(ROOT_OF_HALF);
  const e = i64x2.shr_s(i64x2.sub(x, root), 52);
  const m = i64x2.sub(x, i64x2.shl(e, 52));
  const one = f64x2.splat(1);
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one));
  const z = f64x2.mul(s, s);
  let p = f64x2.splat(1.0 / 17);
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 15));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 13));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 11));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 9));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 7));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 5));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(1.0 / 3));
  p = f64x2.add(f64x2.mul(f64x2.mul(p, z), s), s);
  const exponent = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(e, e, 0, 2, 0, 2));
  let log2 = f64x2.add(f64x2.mul(p, f64x2.splat(2.8853900817779268)), exponent);
  log2 = v128.bitselect(f64x2.splat(-Infinity), log2, f64x2.eq(x, f64x2.splat(0)));
  log2 = v128.bitselect(x, log2, f64x2.eq(x, f64x2.splat(Infinity)));
  // Beyond 2^200 and its inverse float32 has infinity and 0.
  const product = f64x2.mul(y, log2);
  const t = f64x2.pmin(f64x2.pmax(product, f64x2.splat(-200)), f64x2.splat(200));
  const n = f64x2.nearest(t);
  // 2^t = 2^n e^r
  // oxlint-disable-next-line approx-constant
  const r = f64x2.mul(f64x2.sub(t, n), f64x2.splat(0.6931471805599453));
  let q = f64x2.splat(1.0 / 3628800);
  q = f64x2.add(f64x2.mul(q, r), f64x2.splat(1.0 / 362880));
  q = f64x2.add(f64x2.mul(q, r), f64x2.splat(1.0 / 40320));
  q = f64x2.add(f64x2.mul(q, r), f64x2.splat(1.0 / 5040));
  q = f64x2.add(f64x2.mul(q, r), f64x2.splat(1.0 / 720));
  q = f64x2.add(f64x2.mul(q, r), f64x2.splat(1.0 / 120));
  q = f64x2.add(f64x2.mul(q, r), f64x2.splat(1.0 / 24));
  q = f64x2.add(f64x2.mul(q, r), f64x2.splat(1.0 / 6));
  q = f64x2.add(f64x2.mul(q, r), f64x2.splat(0.5));
  q = f64x2.add(f64x2.mul(q, r), one);
  q = f64x2.add(f64x2.mul(q, r), one);
  const power = i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(n));
  return f64x2.mul(q, i64x2.shl(i64x2.add(power, i64x2.splat(1023)), 52));
}
