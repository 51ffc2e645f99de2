import FloatingPointFormats
import Testing
import TestSupport

/// Rounding between every two consecutive values a < b of a format. What must come out follows from the place in the gap alone:
/// a or b, whichever the definition of the rounding names. The neighbours come from ``FormatModel``.
@Suite struct NeighbourRoundingTests {
  /// Where a value lies in the gap, in the order of magnitude.
  enum Place: CaseIterable { case onLower, aboveLower, belowMiddle, middle, aboveMiddle, belowUpper }

  /// Whether the neighbour of greater magnitude is right.
  static func goesOut(_ place: Place, _ rounding: Rounding, negative: Bool, lowerIsOdd: Bool) -> Bool {
    if place == .onLower { return false }
    switch rounding {
    case .nearestEven:
      return place == .aboveMiddle || place == .belowUpper || place == .middle && lowerIsOdd
    case .nearestAway: return place == .aboveMiddle || place == .belowUpper || place == .middle
    case .towardZero: return false
    case .up: return !negative
    case .down: return negative
    case .odd: return !lowerIsOdd
    case .stochastic: preconditionFailure("not a function of the place")
    }
  }

  /// The value at a place: `gap` is a power of two and `unit` a significand of `lower` in units of it. The hair is 2^−60 of the
  /// gap where that fits 128 bits, and with `tail` an infinitely small one.
  static func value(
    _ place: Place, unit: UInt64, gapExponent: Int, negative: Bool, tail: Bool
  ) -> ExactValue {
    // The gap is 2^60 small units; a tail needs the topmost bit set.
    let whole = UInt128(unit) << 60
    let half = UInt128(1) << 59
    if tail, place != .onLower, place != .middle {
      let base: UInt128 =
        switch place {
        case .aboveLower: whole
        case .belowMiddle: whole + half - 1
        case .aboveMiddle: whole + half
        default: whole + 2 * half - 1
        }
      if base == 0 {
        return .finite(TruncatedReal(isNegative: negative, significand: 1, exponent: gapExponent - 500))
      }
      let lift = base.leadingZeroBitCount
      // Below a neighbour, all ones follow the point; the leading bits then carry ones too.
      let below = place == .belowMiddle || place == .belowUpper
      let filler = below && lift > 0 ? (UInt128(1) << UInt128(lift)) - 1 : 0
      return .finite(
        TruncatedReal(
          isNegative: negative, significand: base << UInt128(lift) | filler,
          exponent: gapExponent - 60 - lift,
          hasTail: true))
    }
    let significand: UInt128 =
      switch place {
      case .onLower: whole
      case .aboveLower: whole + 1
      case .belowMiddle: whole + half - 1
      case .middle: whole + half
      case .aboveMiddle: whole + half + 1
      case .belowUpper: whole + 2 * half - 1
      }
    if significand == 0 { return .zero(isNegative: negative) }
    return .finite(TruncatedReal(isNegative: negative, significand: significand, exponent: gapExponent - 60))
  }

  /// All places in the gaps above the given encodings (not negative), both signs, six roundings.
  static func sweep(_ model: FormatModel, _ lowers: some Sequence<UInt64>) throws -> Sweep {
    let format = try model.format
    var sweep = Sweep()
    for lower in lowers {
      // Without subnormals the gap above zero ends at 2^emin.
      if !model.hasSubnormals, lower > 0, lower >> UInt64(model.storedBits) == 0 { continue }
      let magnitude = model.value(lower)
      let exponent = magnitude == 0 ? model.emin : max(Int(magnitude.exponent), model.emin)
      var gapExponent = exponent - model.storedBits
      var upper = lower + 1
      if !model.hasSubnormals, lower == 0 {
        gapExponent = model.emin
        upper = UInt64(1) << UInt64(model.storedBits)
      }
      let unit = UInt64(magnitude / exp2i(gapExponent))
      for place in Place.allCases {
        for tail in place == .onLower || place == .middle ? [false] : [false, true] {
          for negative in [false, true] {
            let value = value(place, unit: unit, gapExponent: gapExponent, negative: negative, tail: tail)
            for rounding in deterministicRoundings {
              let goesOut = goesOut(place, rounding, negative: negative, lowerIsOdd: unit & 1 == 1)
              let expected = (goesOut ? upper : lower) | (negative ? model.signBit : 0)
              let result = format.round(value, rounding)
              let tiny = magnitude < exp2i(model.emin) && place != .onLower
              sweep.check(
                result.encoding == expected && result.isInexact == (place != .onLower)
                  && !result.overflowed && result.underflowed == tiny,
                """
                \(model) \(rounding) \(place)\(tail ? " (tail)" : "") above \(shown(magnitude)), \
                negative \(negative): got \(result), expected \(format.hexadecimal(expected))
                """)
            }
          }
        }
      }
    }
    return sweep
  }

  @Test(arguments: FormatModel.tiny)
  func everyGapOfTheTinyFormats(model: FormatModel) throws {
    let sweep = try Self.sweep(model, 0..<model.largestEncoding)
    let skipped = model.hasSubnormals ? 0 : (1 << model.storedBits) - 1
    #expect(sweep.passed(atLeast: 120 * (Int(model.largestEncoding) - skipped)), "\(sweep)")
  }

  @Test(.enabled(if: isExhaustive), arguments: [FormatModel.bf16, .fp16])
  func everyGapOfTheSixteenBitFormats(model: FormatModel) throws {
    let sweep = try Self.sweep(model, 0..<model.largestEncoding)
    #expect(sweep.passed(atLeast: 120 * Int(model.largestEncoding)), "\(sweep)")
  }

  /// The gaps around zero, around 2^emin, around a power of two and below the largest value, and a seeded sample.
  @Test(arguments: [FormatModel.bf16, .fp16, .tf32, .fp32, .fp64])
  func sampledGaps(model: FormatModel) throws {
    let largest = model.largestEncoding
    let normal = UInt64(1) << UInt64(model.storedBits)
    let one = model.encoding(1)
    var lowers: [UInt64] = [0, 1, 2, 3, largest - 1, largest - 2]
    lowers += [normal - 2, normal - 1, normal, normal + 1, 2 * normal - 1, 2 * normal, one - 1, one, one + 1]
    var generator = SeededGenerator(seed: 20)
    for _ in 0..<200 { lowers.append(generator.next() % largest) }
    let sweep = try Self.sweep(model, lowers)
    #expect(sweep.passed(atLeast: 120 * lowers.count), "\(sweep)")
  }

  /// Results above the range, by IEEE 754 §7.4 and the definitions in ``Rounding``. The threshold of the nearest roundings is
  /// half a gap above the largest value: M + ½ with an odd M goes up at the tie; 448 + 16 of e4m3fn is a tie that falls to 448.
  @Test(arguments: [FormatModel.bf16, .fp16, .fp32, .tf32, .fp64] + FormatModel.tiny)
  func overflowThresholds(model: FormatModel) throws {
    let format = try model.format
    var sweep = Sweep()
    let gapExponent = model.emax - model.storedBits
    let unit = UInt64(model.largest / exp2i(gapExponent))
    let isOdd = unit & 1 == 1
    #expect(isOdd || model.isNaNOnly)
    // Distance above the largest value in eighths of a gap.
    for eighths in [1, 3, 4, 5, 7, 8, 9, 12, 16, 1 << 20] {
      for negative in [false, true] {
        let value = ExactValue.finite(
          TruncatedReal(
            isNegative: negative, significand: UInt128(unit) * 8 + UInt128(eighths), exponent: gapExponent - 3
          ))
        for rounding in allRoundings {
          // Rounded without an upper limit, is it above the largest value?
          var above: Bool
          // Whether overflow goes to infinity (or its substitute) rather than to the largest value.
          let outward: Bool
          switch rounding {
          case .nearestEven: (above, outward) = (isOdd ? eighths >= 4 : eighths > 4, true)
          case .nearestAway: (above, outward) = (eighths >= 4, true)
          case .towardZero: (above, outward) = (eighths >= 8, false)
          case .up: (above, outward) = (!negative || eighths >= 8, !negative)
          case .down: (above, outward) = (negative || eighths >= 8, negative)
          case .odd: (above, outward) = (!isOdd || eighths >= 8, false)
          case .stochastic:
            if eighths < 8 { continue }
            (above, outward) = (true, true)
          }
          let sign = negative ? model.signBit : 0
          let infinity =
            model.isNaNOnly
            ? model.signBit - 1 : sign | ~UInt64(0) << UInt64(model.storedBits) & (model.signBit - 1)
          let expected = above && outward && !model.saturates ? infinity : model.largestEncoding | sign
          let result = format.round(value, rounding)
          sweep.check(
            result.encoding == expected && result.overflowed == above && result.isInexact,
            """
            \(model) \(rounding), largest + \(eighths)/8 gaps, negative \(negative): got \(result), \
            expected \(format.hexadecimal(expected)), overflow \(above)
            """)
        }
      }
    }
    #expect(sweep.passed(atLeast: 120), "\(sweep)")
  }

  /// Numbers that IEEE 754 and the FP8 publication fix.
  @Test func publishedThresholds() throws {
    let e4m3 = FloatingPointFormat.fp8E4M3FN
    #expect(e4m3.rounded(464.0) == 448)
    #expect(e4m3.rounded(464.0.nextUp).isNaN)
    #expect(e4m3.rounded(464.0, .nearestAway).isNaN)
    #expect(e4m3.rounded(-464.0) == -448)
    #expect(e4m3.rounded(1e300, .towardZero) == 448)
    #expect(e4m3.rounded(Double.infinity).isNaN)
    #expect(e4m3.saturating.rounded(1e300) == 448)
    #expect(e4m3.saturating.rounded(-Double.infinity) == -448)
    #expect(e4m3.saturating.rounded(Double.nan).isNaN)
    let half = FloatingPointFormat.fp16
    #expect(half.rounded(65520.0.nextDown) == 65504)
    #expect(half.rounded(65520.0) == .infinity)
    #expect(half.rounded(-1e9, .up) == -65504)
    #expect(half.rounded(-1e9, .down) == -.infinity)
    #expect(half.rounded(1e9, .odd) == 65504)
    #expect(half.rounded(0x1p-25) == 0)
    #expect(half.rounded(0x1p-25, .nearestAway) == 0x1p-24)
    #expect(half.rounded(-0x1p-25).sign == .minus)
    #expect(half.rounded(-0x1p-1074, .down) == -0x1p-24)
    #expect(FloatingPointFormat.fp8E5M2.rounded(61440.0) == .infinity)
    #expect(FloatingPointFormat.fp8E5M2.rounded(61440.0.nextDown) == 57344)
  }

  /// Doubles into fp32 as the processor converts them.
  @Test func singlesAreWhatTheProcessorRounds() {
    var generator = SeededGenerator(seed: 3)
    var sweep = Sweep()
    for index in 0..<(isExhaustive ? 2_000_000 : 30_000) {
      let x = index % 2 == 0 ? Double(bitPattern: generator.next()) : generator.nearSingle()
      let got = FloatingPointFormat.fp32.rounded(x)
      let expected = Double(Float(x))
      sweep.check(
        got.bitPattern == expected.bitPattern || got.isNaN && expected.isNaN,
        "\(shown(x)): got \(shown(got)), expected \(shown(expected))")
    }
    #expect(sweep.passed(atLeast: 30_000), "\(sweep)")
  }

  /// Shifts far beyond any format: exponents as large as MPFR's.
  @Test(arguments: [Int(1) << 40, -(Int(1) << 40)])
  func extremeExponents(exponent: Int) {
    let value = ExactValue.finite(TruncatedReal(isNegative: true, significand: 5, exponent: exponent))
    for (name, format) in FloatingPointFormat.named {
      let result = format.round(value, .nearestEven)
      #expect(result.overflowed == (exponent > 0), "\(name)")
      #expect(result.underflowed == (exponent < 0), "\(name)")
      let down = format.round(value, .down).encoding
      let smallest = UInt64(1) << UInt64(format.bitWidth - 1) | 1
      if exponent < 0 { #expect(down == smallest, "\(name)") }
    }
  }
}

extension SeededGenerator {
  /// A double within the range of fp32 (subnormals and overflow included) that is close to a tie half of the time.
  mutating func nearSingle() -> Double {
    let sign = next() & 1 << 63
    let field = UInt64(1023 - 155 + below(155 + 130))
    var fraction = next() & 0xF_FFFF_FFFF_FFFF
    switch below(4) {
    case 0: fraction = fraction & ~0x1FFF_FFFF | 0x1000_0000
    case 1: fraction = fraction & ~0x1FFF_FFFF | 0x1000_0001
    case 2: fraction = fraction & ~0x1FFF_FFFF | 0x0FFF_FFFF
    default: break
    }
    return Double(bitPattern: sign | field << 52 | fraction)
  }
}
