// fp32 arrays rounded to 16 bits, against a copy of the source by memcpy.

import BenchmarkHarness
import Foundation
import RoPEDrift
import RoundingKernels

extension BenchmarkPart {
  /// Rows `round-*`.
  static let arrayRounding = BenchmarkPart(
    name: "rounding", summary: "fp32 to bf16 and fp16, nearest even and stochastic, against memcpy"
  ) { context in
    try ArrayRounding(context).rows()
  }
}

private struct ArrayRounding {
  private let context: BenchmarkContext
  private let count: Int
  private let source: Buffer<Float>

  init(_ context: BenchmarkContext) {
    self.context = context
    count = context.size(64 << 20, quick: 1 << 20)
    source = Buffer(count, repeating: Float(0))
    var words = SeededWords(seed: 3)
    for index in 0..<count { source.base[index] = words.bell() }
  }

  func rows() throws -> [MeasuredRow] {
    let copy = Buffer(count, repeating: Float(0))
    let result = Buffer(count, repeating: UInt16(0))
    let work = Double(count)
    let memory = Contender.timed("memcpy of the fp32 source", work: work) { [source, count] in
      memcpy(copy.base, source.base, count * MemoryLayout<Float>.size)
    }
    let kinds: [(name: String, format: FloatingPointFormat, rounding: Rounding, target: Target)] = [
      ("bf16", .bf16, .nearestEven, .atLeast(0.8)), ("fp16", .fp16, .nearestEven, .atLeast(0.8)),
      ("bf16-stochastic", .bf16, .stochastic(seed: 1), .atLeast(0.25)),
      ("fp16-stochastic", .fp16, .stochastic(seed: 1), .atLeast(0.25)),
    ]
    let kernels = try kinds.map { try contender("round-\($0.name)", $0.format, $0.rounding, result) }
    let others = try [
      context.python?.contender("NumPy bf16 idiom", "numpy-bf16", [count], work: work),
      context.python?.contender("NumPy fp16 cast", "numpy-fp16", [count], work: work),
      context.python?.contender("PyTorch bf16 cast", "torch-bf16", [count], work: work),
      context.python?.contender("PyTorch fp16 cast", "torch-fp16", [count], work: work),
    ].compactMap { $0 }
    let samples = try context.measure("rounding \(count) elements", [memory] + kernels + others)
    let size = count >= 1 << 20 ? "\(count >> 20) Mi" : "\(count)"
    var rows = try zip(kinds, kernels).map { kind, kernel in
      MeasuredRow(
        kernel.name, "fp32 to \(kind.format.spelling), \(kind.rounding.spelling), \(size) elements",
        quantity: "of memcpy's rate in elements", value: try samples.rateRatio(kernel.name, to: memory.name),
        target: kind.target,
        sides: try [kernel, memory].map { try TimedSide($0, unit: "element", in: samples) },
        notes: [
          "warm pages; encodings of 16 bits, with counts of overflow and underflow; memcpy writes 32 bits an element"
        ])
    }
    for other in others {
      let kernel = kernels[other.name.contains("bf16") ? 0 : 1]
      rows.append(
        MeasuredRow(
          "\(kernel.name)-\(other.name.hasPrefix("NumPy") ? "numpy" : "torch")",
          "fp32 to \(other.name.contains("bf16") ? "bf16" : "fp16"), nearest-even, against \(other.name)",
          quantity: "× its rate",
          value: try samples.rateRatio(kernel.name, to: other.name),
          sides: try [kernel, other].map { try TimedSide($0, unit: "element", in: samples) }))
    }
    return rows
  }

  /// The kernel as a contender; a few thousand of its results are held against the library's own rounding.
  private func contender(
    _ name: String, _ format: FloatingPointFormat, _ rounding: Rounding, _ result: Buffer<UInt16>
  ) throws -> Contender {
    var parameters = ropedrift_rounding()
    parameters.rounding = Int32(
      rounding == .stochastic(seed: 1) ? ROPEDRIFT_STOCHASTIC : ROPEDRIFT_NEAREST_EVEN)
    parameters.precision = Int32(format.precision)
    parameters.minimum_exponent = Int32(format.minimumExponent)
    parameters.has_subnormals = 1
    let infinities = [
      format.round(ExactValue(.infinity)).encoding, format.round(ExactValue(-.infinity)).encoding,
    ]
    parameters.largest = UInt32(format.largestFiniteEncoding(isNegative: false))
    parameters.sign = 0x8000
    parameters.nan = UInt32(format.round(ExactValue(.nan)).encoding)
    parameters.infinity = (UInt32(infinities[0]), UInt32(infinities[1]))
    parameters.overflow = parameters.infinity
    parameters.infinity_value = (.infinity, -.infinity)
    parameters.overflow_value = parameters.infinity_value
    var place = ropedrift_random_place(seed: 1, first: 0, row: 0, column: 0, last: 0)
    let columns = 1 << 16
    let (source, count) = (source, count)
    let contender = Contender.timed(name, work: Double(count)) {
      var counts = ropedrift_rounding_counts()
      ropedrift_round_array(
        source.base, Int32(ROPEDRIFT_BINARY32), count / columns, columns, &parameters, &place, 1, result.base,
        Int32(ROPEDRIFT_ENCODING16), nil, &counts)
    }
    _ = try contender.run()
    for index in stride(from: 0, to: count, by: count / 4096) {
      let value = ExactValue(Double(source.base[index]))
      let allowed = (rounding == .stochastic(seed: 1) ? [Rounding.down, .up] : [rounding]).map {
        UInt16(format.round(value, $0).encoding)
      }
      guard allowed.contains(result.base[index]) else {
        throw HarnessError.wrongResult("\(name): \(source.base[index]) became encoding \(result.base[index])")
      }
    }
    return contender
  }
}
