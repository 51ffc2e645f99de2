// Softmax of rows: in binary32 with correctly rounded exp and exp2, and the default one in binary64, in elements a second.

import ArbitraryPrecision
import BenchmarkHarness
import RoPEDrift
import RoundingKernels

extension BenchmarkPart {
  /// Rows `softmax-*` and `exp-*`.
  static let softmaxRows = BenchmarkPart(
    name: "softmax", summary: "softmax rows with correctly rounded exp, elements a second"
  ) { context in
    try SoftmaxRows(context).rows()
  }
}

private struct SoftmaxRows {
  private let context: BenchmarkContext
  private let rowCount: Int
  private let columns: Int
  private let logits: Buffer<Float>

  init(_ context: BenchmarkContext) {
    self.context = context
    (rowCount, columns) = (context.size(1024, quick: 64), context.size(4096, quick: 512))
    logits = Buffer(rowCount * columns, repeating: Float(0))
    var words = SeededWords(seed: 5)
    for index in 0..<logits.count { logits.base[index] = words.bell() / 2 }
  }

  func rows() throws -> [MeasuredRow] {
    let (rowCount, columns, logits) = (rowCount, columns, logits)
    let count = rowCount * columns
    let result = Buffer(count, repeating: Float(0))
    let wideLogits = Buffer(logits.all.map(Double.init), zero: 0)
    let wideResult = Buffer(count, repeating: 0.0)
    func softmax(_ name: String, isBaseTwo: Int32) -> Contender {
      .timed(name, work: Double(count)) {
        ropedrift_softmax_rows32(logits.base, rowCount, columns, isBaseTwo, 0x1.715476p0, 1, result.base)
      }
    }
    let kernel = softmax("softmax rows, exp", isBaseTwo: 0)
    let kernel2 = softmax("softmax rows, exp2 with a folded factor", isBaseTwo: 1)
    try check(kernel, result, base: 1)
    try check(kernel2, result, base: Double(Float(0x1.715476p0)) * 0.6931471805599453)
    let wide = Contender.timed("softmax rows in binary64, exp correctly rounded", work: Double(count)) {
      for row in 0..<rowCount {
        defaultSoftmax(
          UnsafeBufferPointer(start: wideLogits.base + row * columns, count: columns),
          into: UnsafeMutableBufferPointer(start: wideResult.base + row * columns, count: columns))
      }
    }
    let exponentials = Contender.timed("exp alone", work: Double(count)) {
      ropedrift_exponentials32(logits.base, count, 0, 1, result.base)
    }
    let others = try [
      context.python?.contender(
        "PyTorch softmax", "torch-softmax", [rowCount, columns], work: Double(count)),
      context.python?.contender("NumPy softmax", "numpy-softmax", [rowCount, columns], work: Double(count)),
    ].compactMap { $0 }
    let samples = try context.measure(
      "softmax of \(rowCount) rows of \(columns)", [kernel, kernel2, wide, exponentials] + others)
    func row(
      _ identifier: String, _ title: String, _ contender: Contender, target: Target? = nil, note: String
    ) throws -> MeasuredRow {
      MeasuredRow(
        identifier, "\(title), \(rowCount) rows of \(columns)", quantity: "million elements a second",
        value: try samples.rate(contender.name).scaled(by: 1e-6), target: target,
        sides: [try TimedSide(contender, unit: "element", in: samples)],
        notes: [note + "; seeded logits in ±8"])
    }
    let steps =
      "maximum, exponential of the difference, sum in ascending order, division, each step rounded to"
    let rows = [
      try row(
        "softmax-exp", "softmax rows, correctly rounded fp32 exp", kernel, target: .atLeast(300),
        note: "\(steps) binary32"),
      try row(
        "softmax-exp2", "softmax rows, correctly rounded fp32 exp2", kernel2, target: .atLeast(300),
        note: "\(steps) binary32, log2(e) folded into one fused step before exp2"),
      try row(
        "softmax-binary64", "softmax rows in binary64, correctly rounded exp", wide,
        note: "\(steps) binary64: the default softmax of reference and recipes"),
      try row(
        "exp-fp32", "correctly rounded fp32 exp alone", exponentials, note: "the exponential of every logit"),
    ]
    return try rows
      + others.map { other in
        MeasuredRow(
          "softmax-exp-\(other.name.hasPrefix("NumPy") ? "numpy" : "torch")",
          "softmax rows, correctly rounded fp32 exp, against \(other.name)", quantity: "× its rate",
          value: try samples.rateRatio(kernel.name, to: other.name),
          sides: try [kernel, other].map { try TimedSide($0, unit: "element", in: samples) })
      }
  }

  /// Holds the first and the last row against binary64: |relative error| ≤ (n + 40)·2^−24, n of it from the sum.
  private func check(_ contender: Contender, _ result: Buffer<Float>, base: Double) throws {
    _ = try contender.run()
    let exponential = CorrectlyRoundedExponential.shared
    for row in [0, rowCount - 1] {
      let values = (0..<columns).map { Double(logits.base[row * columns + $0]) }
      let largest = values.max()!
      let powers = values.map { exponential(($0 - largest) * base) }
      let sum = powers.reduce(0, +)
      for (column, power) in powers.enumerated() {
        let (found, right) = (Double(result.base[row * columns + column]), power / sum)
        guard abs(found - right) <= right * Double(columns + 40) * 0x1p-24 else {
          throw HarnessError.wrongResult(
            "\(contender.name): (\(row), \(column)) is \(found), not near \(right)")
        }
      }
    }
  }
}
