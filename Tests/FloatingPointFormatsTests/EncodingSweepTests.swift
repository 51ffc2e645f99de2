import FloatingPointFormats
import Testing
import TestSupport

/// Every encoding of the small formats, against decoders that share nothing with the product.
@Suite struct EncodingSweepTests {
  /// The models against the machine's own formats, so that what the sweeps compare with is itself held to something.
  @Test func theModelsAgreeWithTheMachine() {
    var sweep = Sweep()
    for encoding in UInt64(0)..<0x10000 {
      let native = Double(Float(bitPattern: UInt32(encoding) << 16))
      if native.isFinite {
        sweep.check(FormatModel.bf16.value(encoding).bitPattern == native.bitPattern, "bf16 \(encoding)")
        sweep.check(FormatModel.bf16.encoding(native) == encoding, "bf16 \(encoding)")
      }
      #if !(os(macOS) && arch(x86_64))
        let half = Double(Float16(bitPattern: UInt16(encoding)))
        if half.isFinite {
          sweep.check(FormatModel.fp16.value(encoding).bitPattern == half.bitPattern, "fp16 \(encoding)")
          sweep.check(FormatModel.fp16.encoding(half) == encoding, "fp16 \(encoding)")
        }
      #endif
    }
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<10_000 {
      let single = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
      if single.isFinite {
        sweep.check(FormatModel.fp32.encoding(Double(single)) == single.bitPattern, "fp32 \(single)")
      }
      let double = Double(bitPattern: generator.next())
      if double.isFinite {
        sweep.check(FormatModel.fp64.encoding(double) == double.bitPattern, "fp64 \(double)")
        sweep.check(FormatModel.fp64.value(double.bitPattern) == double, "fp64 \(double)")
      }
    }
    #expect(sweep.passed(atLeast: 100_000), "\(sweep)")
  }

  /// The 8-bit formats value by value, from the tables of the publication that defines them.
  @Test(
    arguments: [
      (FloatingPointFormat.fp8E4M3FN, 0x7E, 448), (.fp8E4M3FN, 0x08, 0x1p-6), (.fp8E4M3FN, 0x07, 0x1.cp-7),
      (.fp8E4M3FN, 0x01, 0x1p-9), (.fp8E4M3FN, 0x38, 1), (.fp8E4M3FN, 0xFE, -448), (.fp8E4M3FN, 0x79, 288),
      (.fp8E5M2, 0x7B, 57344), (.fp8E5M2, 0x04, 0x1p-14), (.fp8E5M2, 0x03, 0x1.8p-15),
      (.fp8E5M2, 0x01, 0x1p-16),
      (.fp8E5M2, 0x3C, 1), (.fp8E5M2, 0xFB, -57344),
    ] as [(FloatingPointFormat, UInt64, Double)])
  func publishedValues(format: FloatingPointFormat, encoding: UInt64, value: Double) {
    #expect(format.double(of: encoding) == value)
    #expect(format.rounded(value) == value)
  }

  /// Decode and classify every encoding of bf16 and fp16, then encode the value again in every rounding.
  @Test(arguments: [FormatModel.bf16, .fp16], allRoundings)
  func sixteenBitRoundTrip(model: FormatModel, rounding: Rounding) throws {
    let format = try model.format
    #expect(format.bitWidth == 16)
    var sweep = Sweep()
    for encoding in UInt64(0)..<0x10000 {
      let native = Self.native(model, encoding)
      let value = format.value(of: encoding)
      let result = format.round(value, rounding)
      func message() -> String {
        "\(format.hexadecimal(encoding)) = \(shown(native)) gave \(value), encoded \(format.hexadecimal(result.encoding))"
      }
      if native.isNaN {
        sweep.check(value == .nan && result.encoding == format.nanEncoding, message())
      } else {
        sweep.check(result.encoding == encoding, message())
        sweep.check(format.double(of: encoding).bitPattern == native.bitPattern, message())
      }
      sweep.check(!result.isInexact && !result.overflowed && !result.underflowed, message())
    }
    #expect(sweep.passed(atLeast: 2 * 65536), "\(sweep)")
  }

  @Test(arguments: [FormatModel.bf16, .fp16])
  func sixteenBitClasses(model: FormatModel) throws {
    let format = try model.format
    var sweep = Sweep()
    var counts: [FloatingPointClass: Int] = [:]
    for encoding in UInt64(0)..<0x10000 {
      let native = Self.native(model, encoding)
      let expected: FloatingPointClass =
        native.isNaN
        ? .nan
        : native.isInfinite
          ? .infinity
          : native == 0 ? .zero : native.magnitude < exp2i(model.emin) ? .subnormal : .normal
      let got = format.classify(encoding)
      counts[got, default: 0] += 1
      sweep.check(
        got == expected, "\(format.hexadecimal(encoding)) = \(native): \(got), expected \(expected)")
    }
    #expect(sweep.passed(atLeast: 65536), "\(sweep)")
    // Counted by hand from the widths of the fields.
    let fractions = 1 << (model.precision - 1)
    #expect(counts[.nan] == 2 * (fractions - 1))
    #expect(counts[.infinity] == 2)
    #expect(counts[.zero] == 2)
    #expect(counts[.subnormal] == 2 * (fractions - 1))
  }

  private static func native(_ model: FormatModel, _ encoding: UInt64) -> Double {
    #if !(os(macOS) && arch(x86_64))
      if model.name == "fp16" { return Double(Float16(bitPattern: UInt16(encoding))) }
    #else
      if model.name == "fp16" {
        let fraction = encoding & 0x3FF
        guard encoding & 0x7C00 == 0x7C00 else { return model.value(encoding) }
        return fraction != 0 ? .nan : encoding & 0x8000 != 0 ? -.infinity : .infinity
      }
    #endif
    return Double(Float(bitPattern: UInt32(encoding) << 16))
  }

  /// Every finite encoding of the tiny formats decodes to the textbook value and comes back; every other one is special.
  @Test(arguments: FormatModel.tiny)
  func tinyRoundTrip(model: FormatModel) throws {
    let format = try model.format
    #expect(UInt64(1) << UInt64(format.bitWidth - 1) == model.signBit)
    #expect(format.largestFiniteEncoding(isNegative: true) == model.largestEncoding | model.signBit)
    var sweep = Sweep()
    for encoding in 0..<2 * model.signBit {
      let magnitude = encoding & (model.signBit - 1)
      let isFinite = magnitude <= model.largestEncoding
      let isZero = magnitude == 0 || !model.hasSubnormals && magnitude >> UInt64(model.storedBits) == 0
      let got = format.value(of: encoding)
      for rounding in allRoundings {
        let result = format.round(got, rounding).encoding
        func message() -> String { "\(format.hexadecimal(encoding)) \(rounding): \(got), encoded \(result)" }
        if isZero {
          sweep.check(got == .zero(isNegative: encoding >= model.signBit), message())
          sweep.check(result == encoding & model.signBit, message())
        } else if isFinite {
          sweep.check(format.double(of: encoding) == model.value(encoding), message())
          sweep.check(result == encoding, message())
        } else if !model.isNaNOnly && magnitude == model.encoding(.infinity) {
          sweep.check(got == .infinity(isNegative: encoding >= model.signBit), message())
          let sign = encoding & model.signBit
          sweep.check(result == (model.saturates ? model.largestEncoding | sign : encoding), message())
        } else if model.isNaNOnly || magnitude > model.encoding(.infinity) {
          sweep.check(got == .nan, message())
          sweep.check(result == format.nanEncoding, message())
        }
      }
    }
    #expect(sweep.passed(atLeast: Int(2 * model.signBit)), "\(sweep)")
  }

  /// Canonical NaNs: quiet and positive as IEEE 754 recommends; all ones where the format has only that.
  @Test func specialEncodings() {
    #expect(FloatingPointFormat.bf16.nanEncoding == 0x7FC0)
    #expect(FloatingPointFormat.fp16.nanEncoding == 0x7E00)
    #expect(FloatingPointFormat.fp32.nanEncoding == UInt64(Float.nan.bitPattern))
    #expect(FloatingPointFormat.fp64.nanEncoding == Double.nan.bitPattern)
    #expect(FloatingPointFormat.fp8E4M3FN.nanEncoding == 0x7F)
    #expect(FloatingPointFormat.fp8E5M2.nanEncoding == 0x7E)
    #expect(FloatingPointFormat.bf16.infinityEncoding(isNegative: true) == 0xFF80)
    #expect(FloatingPointFormat.fp16.infinityEncoding(isNegative: false) == 0x7C00)
    #expect(FloatingPointFormat.fp8E5M2.infinityEncoding(isNegative: false) == 0x7C)
    #expect(FloatingPointFormat.fp8E4M3FN.infinityEncoding(isNegative: false) == nil)
    #expect(FloatingPointFormat.fp16.hexadecimal(0x1) == "0x0001")
    #expect(FloatingPointFormat.tf32.hexadecimal(0x1) == "0x00001")
  }
}
