// Rounding of arrays against FloatingPointFormat.round, element by element, with and without vectors.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import TestSupport
import Testing

@Suite("Rounding of arrays")
struct ArrayRoundingTests {
  static let models: [FormatModel] =
    [.bf16, .fp16, .tf32, .fp32] + FormatModel.tiny + [
      FormatModel("bf16-saturating", 8, -126, 127, saturates: true),
      FormatModel("fp16-saturating", 11, -14, 15, saturates: true),
      FormatModel("p11e-14:15-nosubnormals", 11, -14, 15, hasSubnormals: false),
      FormatModel("p11e-999:1023", 11, -999, 1023), FormatModel("p2e-900:900", 2, -900, 900),
      FormatModel("p2e-901:901", 2, -901, 901),
    ]

  /// Numbers of the format, the middles between them, and what lies next to both; the ends of the range; special values.
  private func operands(_ model: FormatModel) -> [Double] {
    var generator = SeededGenerator(seed: UInt64(model.precision) << 8 | UInt64(model.emax))
    let count = model.largestEncoding + 1
    var encodings = (0..<min(count, 300)).map { $0 } + (0..<min(count, 40)).map { count - 1 - $0 }
    encodings += (0..<200).map { _ in generator.next() % count }
    var positive: [Double] = [
      0, .infinity, .greatestFiniteMagnitude, 0x1p-1074, 0x1p-1022, 0x1p1000, 1e-300, 1e300,
    ]
    for encoding in encodings {
      let value = model.value(encoding)
      let next = encoding + 1 < count ? model.value(encoding + 1) : value * (1 + exp2i(1 - model.precision))
      let middle = value + (next - value) / 2
      positive += [value, value.nextUp, middle, middle.nextDown, middle.nextUp]
    }
    positive += [
      model.smallest / 2, model.smallest / 4, (model.smallest / 2).nextUp, exp2i(model.emin) * 0.75,
    ]
    for _ in 0..<200 { positive.append(Double(bitPattern: generator.next() >> 1)) }
    return positive.flatMap { [$0, -$0] } + [.nan, -.nan, Double(nan: 5, signaling: true)]
  }

  /// What every element should become, and how many of them how: made once for all ways of a rounding.
  private struct Expected {
    var elements: [(operand: Double, rounded: RoundedValue, value: Double, flag: UInt8)] = []
    var counts = ArrayRounding.Counts()
    let name: String

    init(_ operands: [Double], _ format: FloatingPointFormat, _ rounding: Rounding, columns: Int) {
      name = "\(format.spelling) \(rounding.spelling)"
      for (index, x) in operands.enumerated() {
        let counter = RoundingCounter(
          3, UInt32(5 + index / columns), UInt32.max - 2 &+ UInt32(index % columns), 9)
        let rounded = format.round(ExactValue(x), rounding, counter: counter)
        let value = format.double(of: rounded.encoding)
        let flushes = value == 0 && x != 0
        counts.overflowed += rounded.overflowed ? 1 : 0
        counts.underflowed += rounded.underflowed ? 1 : 0
        counts.flushed += flushes ? 1 : 0
        let flag = (rounded.overflowed ? 1 : 0) + (rounded.underflowed ? 2 : 0) + (flushes ? 4 : 0)
        elements.append((x, rounded, value, UInt8(flag)))
      }
    }

    func check(
      _ results: [UInt64], _ counts: ArrayRounding.Counts, _ flags: [UInt8], _ sweep: inout Sweep,
      isValue: Bool
    ) {
      for (index, (x, rounded, value, flag)) in elements.enumerated() {
        sweep.check(
          results[index] == (isValue ? value.bitPattern : rounded.encoding)
            || isValue && value.isNaN && Double(bitPattern: results[index]).isNaN,
          "\(name) \(shown(x)): got \(String(results[index], radix: 16)), expected \(rounded)")
        if !flags.isEmpty { sweep.check(flags[index] == flag, "flags of \(shown(x)) in \(name)") }
      }
      sweep.check(counts == self.counts, "\(name): \(counts), not \(self.counts)")
    }
  }

  @Test(arguments: models.map(\.name)) func binary64ArraysAreRoundedAsTheirElements(name: String) throws {
    let model = Self.models.first { $0.name == name }!
    let format = try model.format
    let operands = operands(model)
    let columns = 77
    let counter = RoundingCounter(3, 5, UInt32.max - 2, 9)
    var sweep = Sweep()
    for rounding in allRoundings {
      let expected = Expected(operands, format, rounding, columns: columns)
      for path in [KernelPath.automatic, .scalar] {
        let array = try #require(ArrayRounding(format, rounding, path: path))
        var values = operands
        var flags = [UInt8](repeating: 0, count: operands.count)
        var encodings = [UInt32](repeating: 0, count: operands.count)
        var counts = ArrayRounding.Counts()
        values.withUnsafeMutableBufferPointer { values in
          flags.withUnsafeMutableBufferPointer { flags in
            counts = array.round(
              UnsafeBufferPointer(values), columns: columns, counter: counter, into: values,
              flags: flags.baseAddress)
          }
        }
        expected.check(values.map(\.bitPattern), counts, flags, &sweep, isValue: true)
        operands.withUnsafeBufferPointer { operands in
          encodings.withUnsafeMutableBufferPointer {
            counts = array.round(operands, columns: columns, counter: counter, into: $0)
          }
        }
        expected.check(encodings.map(UInt64.init), counts, [], &sweep, isValue: false)
      }
    }
    #expect(sweep.passed(atLeast: 10_000), "\(sweep)")
  }

  /// binary32 to 16-bit encodings, the way that has loops of its own, on ties, their neighbours and NaN payloads; lengths that no
  /// vector divides.
  @Test(arguments: [FloatingPointFormat.bf16, .fp16], allRoundings)
  func binary32ArraysAreRoundedAsTheirElements(format: FloatingPointFormat, rounding: Rounding) throws {
    var operands: [Float] = []
    let low: [UInt32] = [
      0, 1, 0x0FFF, 0x1000, 0x1001, 0x1FFF, 0x2000, 0x3000, 0x7FFF, 0x8000, 0x8001, 0xFFFF,
    ]
    for high in stride(from: UInt32(0), to: 0x10000, by: isExhaustive ? 1 : 29) {
      operands += low.map { Float(bitPattern: high << 16 | $0) }
    }
    for threshold: UInt32 in [0x3300_0000, 0x3380_0000, 0x3880_0000, 0x477F_E000, 0x477F_F000, 0x4780_0000] {
      operands += (0..<5).map { Float(bitPattern: threshold - 2 + $0) }
    }
    operands += [
      Float(bitPattern: 0x7F7F_7FFF), Float(bitPattern: 0x7F7F_8000), Float(bitPattern: 0xFF7F_FFFF),
    ]
    let columns = 301
    let expected = Expected(operands.map(Double.init), format, rounding, columns: columns)
    var sweep = Sweep()
    for path in [KernelPath.automatic, .scalar] {
      let array = try #require(ArrayRounding(format, rounding, path: path))
      var encodings = [UInt16](repeating: 0, count: operands.count)
      let counts = operands.withUnsafeBufferPointer { operands in
        encodings.withUnsafeMutableBufferPointer {
          array.round(operands, columns: columns, counter: RoundingCounter(3, 5, UInt32.max - 2, 9), into: $0)
        }
      }
      expected.check(encodings.map(UInt64.init), counts, [], &sweep, isValue: false)
    }
    #expect(sweep.passed(atLeast: 40_000), "\(sweep)")
  }

  /// Values in binary32 and encodings of 8 bits, of the formats that have them.
  @Test(arguments: allRoundings) func narrowResultsAreThoseOfTheWideOnes(rounding: Rounding) throws {
    var sweep = Sweep()
    for model in Self.models {
      let format = try model.format
      let array = try #require(ArrayRounding(format, rounding))
      let operands = operands(model).map(Float.init)
      let counter = RoundingCounter(1, 2, 3, 4)
      let expected = operands.enumerated().map { index, x in
        format.round(
          ExactValue(Double(x)), rounding, counter: RoundingCounter(1, 2, 3 + UInt32(index), 4)
        ).encoding
      }
      operands.withUnsafeBufferPointer { operands in
        if format.isSubset(of: .fp32) {
          var values = [Float](repeating: 7, count: operands.count)
          values.withUnsafeMutableBufferPointer { _ = array.round(operands, counter: counter, into: $0) }
          for (value, encoding) in zip(values, expected) {
            let exact = format.double(of: encoding)
            sweep.check(
              Double(value).bitPattern == exact.bitPattern || value.isNaN && exact.isNaN,
              "\(model) \(rounding.spelling): \(value), not \(exact)")
          }
        }
        if format.bitWidth <= 8 {
          var encodings = [UInt8](repeating: 7, count: operands.count)
          encodings.withUnsafeMutableBufferPointer { _ = array.round(operands, counter: counter, into: $0) }
          for (got, encoding) in zip(encodings, expected) {
            sweep.check(
              UInt64(got) == encoding, "\(model) \(rounding.spelling): \(got), not \(encoding)")
          }
        }
      }
    }
    #expect(sweep.passed(atLeast: 10_000), "\(sweep)")
  }

  @Test func blocksWithoutTinyNumbersRoundStochasticallyAlike() throws {
    var generator = SeededGenerator(seed: 4)
    let operands = (0..<1000).map { _ -> Float in
      let x = Float(bitPattern: UInt32(generator.next() & 0x8FFF_FFFF) | 0x4000_0000)
      return x.isNaN ? 1 : x
    }
    var sweep = Sweep()
    for format in [FloatingPointFormat.fp16, .bf16] {
      let array = try #require(ArrayRounding(format, .stochastic(seed: 7)))
      var encodings = [UInt16](repeating: 0, count: operands.count)
      let counts = operands.withUnsafeBufferPointer { operands in
        encodings.withUnsafeMutableBufferPointer {
          array.round(operands, columns: 1000, counter: RoundingCounter(3, 5, UInt32.max - 2, 9), into: $0)
        }
      }
      Expected(operands.map(Double.init), format, .stochastic(seed: 7), columns: 1000)
        .check(encodings.map(UInt64.init), counts, [], &sweep, isValue: false)
    }
    #expect(sweep.passed(atLeast: 2000), "\(sweep)")
  }

  @Test(arguments: [Rounding.nearestEven, .stochastic(seed: 12)])
  func noSplitAndNoAddressChangesABit(rounding: Rounding) throws {
    var generator = SeededGenerator(seed: 6)
    let operands = (0..<2000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())) }
    for format in [FloatingPointFormat.bf16, .fp16, .fp8E5M2] {
      let array = try #require(ArrayRounding(format, rounding))
      var whole = [UInt16](repeating: 0, count: operands.count)
      operands.withUnsafeBufferPointer { operands in
        whole.withUnsafeMutableBufferPointer { _ = array.round(operands, into: $0) }
      }
      for length in [0, 1, 7, 16, 255, 256, 257, 1023] {
        let offset = 1000 - length / 2 - 3
        // One byte off every alignment.
        let source = UnsafeMutableRawPointer.allocate(byteCount: 4 * length + 1, alignment: 64)
        let target = UnsafeMutableRawPointer.allocate(byteCount: 2 * length + 1, alignment: 64)
        defer {
          source.deallocate()
          target.deallocate()
        }
        for index in 0..<length {
          source.storeBytes(of: operands[offset + index], toByteOffset: 4 * index + 1, as: Float.self)
        }
        array.round(
          UnsafeBufferPointer(
            start: (source + 1).assumingMemoryBound(to: Float.self), count: length),
          counter: RoundingCounter(0, 0, UInt32(offset)),
          into: UnsafeMutableBufferPointer(
            start: (target + 1).assumingMemoryBound(to: UInt16.self), count: length))
        for index in 0..<length {
          let got = target.loadUnaligned(fromByteOffset: 2 * index + 1, as: UInt16.self)
          #expect(got == whole[offset + index])
        }
      }
    }
  }

  @Test func formatsThatTheKernelDoesNotKnowAreRefused() throws {
    #expect(ArrayRounding(.fp64) == nil)
    for spelling in ["p25e-126:127", "p24e-1000:1023", "p2e-1022:1024", "p8e-16000:16000"] {
      #expect(ArrayRounding(try FloatingPointFormat(spelling: spelling)) == nil)
    }
  }
}
