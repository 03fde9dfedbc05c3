//! The fee of a trade.

use pricetime_engine::Notional;

const MILLION: i128 = 1_000_000;

/// Returns the fee for one side of a trade: `ppm` millionths of its notional, rounded toward the
/// platform. A rebate is negative.
#[must_use]
pub const fn fee(notional: Notional, ppm: i32) -> i128 {
    // A notional has at most 94 bits and a fee at most a million millionths.
    let exact = notional.0.abs() * ppm as i128;
    // Most products fit in 64 bits, for which the processor needs one division.
    if exact.unsigned_abs() >> 63 == 0 {
        let exact = exact as i64;
        return (exact.div_euclid(MILLION as i64) + (exact.rem_euclid(MILLION as i64) != 0) as i64)
            as i128;
    }
    exact.div_euclid(MILLION) + (exact.rem_euclid(MILLION) != 0) as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fee_is_rounded_in_favor_of_the_platform() {
        let cases = [
            (1_000_000, 250, 250),
            (1_000_001, 250, 251),
            (1, 1, 1),
            (0, 1_000_000, 0),
            (1_000_000, -100, -100),
            (1_000_001, -100, -100),
            (1_009_999, -100, -100),
            (1_010_000, -100, -101),
            (1, -1, 0),
            (-1_000_001, 250, 251),
            (i128::from(i64::MAX), 1, 9_223_372_036_855),
            (i128::from(i64::MAX) + 1, 1, 9_223_372_036_855),
            (i128::from(i64::MAX) + 1, -1, -9_223_372_036_854),
            (i128::from(i64::MAX), -1, -9_223_372_036_854),
            (1 << 94, 1_000_000, 1 << 94),
            (1 << 94, -1_000_000, -(1 << 94)),
        ];
        for (notional, ppm, expected) in cases {
            assert_eq!(fee(Notional(notional), ppm), expected, "{notional} at {ppm}");
        }
    }
}
