// Conversions between element types. A type is named by TensorFlow's number: 1 float32, 3 int32, 4 uint8, 9 int64, 10 bool.

import { LANES } from "./lib/simd";

/**
 * y[i] = x[i] in another type, [n]; y and x do not overlap. Numbers become integers by truncation toward zero, those beyond an
 * int32 or int64 (infinities too) its nearest value, NaN 0; integers become narrower ones modulo 2^bits; any value but 0
 * becomes true, NaN too.
 */
export function cast(y: usize, x: usize, to: i32, from: i32, n: i32): void {
  if (from == 1) castFrom<f32>(y, x, to, n);
  else if (from == 3) castFrom<i32>(y, x, to, n);
  else if (from == 9) castFrom<i64>(y, x, to, n);
  else castFrom<u8>(y, x, to, n);
}

function castFrom<From>(y: usize, x: usize, to: i32, n: i32): void {
  if (to == 1) {
    if (isSigned<From>() && isInteger<From>() && sizeof<From>() == 4) {
      for (; n >= LANES; n -= LANES) {
        v128.store(y, f32x4.convert_i32x4_s(v128.load(x)));
        y += 16;
        x += 16;
      }
    }
    convert<From, f32>(y, x, n);
  } else if (to == 3) {
    if (isFloat<From>()) {
      for (; n >= LANES; n -= LANES) {
        v128.store(y, i32x4.trunc_sat_f32x4_s(v128.load(x)));
        y += 16;
        x += 16;
      }
    }
    convert<From, i32>(y, x, n);
  } else if (to == 9) convert<From, i64>(y, x, n);
  else if (to == 4) convert<From, u8>(y, x, n);
  else toBool<From>(y, x, n);
}

function convert<From, To>(y: usize, x: usize, n: i32): void {
  for (; n > 0; n--) {
    const value = load<From>(x);
    if (isFloat<From>() && isInteger<To>()) {
      // @ts-ignore: the type parameter is a number type
      if (sizeof<To>() == 8) store<To>(y, <To>(<i64>value));
      // @ts-ignore: as above
      else store<To>(y, <To>(<i32>value));
    } else {
      // @ts-ignore: as above
      store<To>(y, <To>value);
    }
    y += sizeof<To>();
    x += sizeof<From>();
  }
}

function toBool<From>(y: usize, x: usize, n: i32): void {
  for (; n > 0; n--) {
    // @ts-ignore: the type parameter is a number type
    store<u8>(y, load<From>(x) != <From>0 ? 1 : 0);
    y++;
    x += sizeof<From>();
  }
}
