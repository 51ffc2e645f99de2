// A failure that fits a well-known mistake is said so: the other layout, the opposite direction, positions off by one. Tried on a few
// rows, and offered as a guess.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

extension TensorCheck {
  /// Rows that a guess is tried on.
  private static let sampledRows = 16

  /// One sentence for each failing tensor that a mistake explains: with it the sampled rows' errors add up to at most 1/16 of what
  /// they are without it.
  func likelyCauses(of tensors: [CheckedTensor]) throws -> [String] {
    try tensors.compactMap { tensor in
      guard !tensor.passesAccuracy, !tensor.tensor.kind.needsScores else { return nil }
      let sample = try sample(of: tensor)
      guard let plain = try error(sample, of: tensor, [Mistake.none]), plain > 0 else { return nil }
      var best: (mistake: Mistake, error: Double)?
      for mistake in Mistake.allCases where mistake != .none {
        guard let error = try error(sample, of: tensor, [mistake]), error <= plain / 16 else { continue }
        if error < best?.error ?? .infinity { best = (mistake, error) }
      }
      return best.map { "\(tensor.name) matches \($0.mistake.sentence(embedding.layout))" }
    }
  }

  /// What implementations get wrong.
  private enum Mistake: CaseIterable {
    case none, otherLayout, oppositeDirection, nextPosition, previousPosition, swapped, unrotated,
      withoutFactor

    func sentence(_ layout: RotaryLayout) -> String {
      switch self {
      case .none: "the reference"
      case .otherLayout:
        "the other layout: it pairs channels \(layout == .halfSplit ? "2i and 2i+1 (interleaved)" : "i and i+r/2 (half-split)"), and \(layout.rawValue) is asked for"
      case .oppositeDirection: "a rotation in the opposite direction: the sign of the sine is turned around"
      case .nextPosition: "positions that are greater by one"
      case .previousPosition: "positions that are less by one"
      case .swapped: "sine and cosine exchanged"
      case .unrotated: "the vectors before rotation"
      case .withoutFactor: "a table without the scaling's attention factor"
      }
    }
  }

  /// Rows of the tensor, the worst one among them, and the head that holds it.
  private func sample(of tensor: CheckedTensor) throws -> (head: Int, rows: [Int]) {
    let shape = tensor.tensor.tensor.shape
    let count = shape[shape.count - 2]
    let worst = tensor.accuracy.first { !$0.passes }?.worst ?? tensor.differences.worstAbsolute
    let step = max(1, count / Self.sampledRows)
    var rows = Set(stride(from: 0, to: count, by: step))
    if let worst { rows.insert(worst.place.row) }
    let head = shape.count == 3 ? worst.map { tensor.tensor.coordinates(ofIndex: $0.place.index)[0] } ?? 0 : 0
    return (head, rows.sorted())
  }

  /// Σ|t − r| over sampled rows with a mistake in r; nil where the mistake means nothing here, or a value is not finite.
  private func error(
    _ sample: (head: Int, rows: [Int]), of tensor: CheckedTensor, _ mistakes: [Mistake]
  ) throws -> Double? {
    let mistake = mistakes[0]
    let kernel = tensor.tensor
    let isTable = kernel.kind == .cosine || kernel.kind == .sine
    guard let problem = try problem(with: mistake, isTable: isTable) else { return nil }
    let offset: Int = mistake == .nextPosition ? 1 : mistake == .previousPosition ? -1 : 0
    let sign = mistake == .oppositeDirection ? -1 : 1
    let positions = sample.rows.map { sign * (self.kernel.positions[kernel.token(ofRow: $0)] + offset) }
    let exact = ReferenceVectors(
      problem: problem,
      trigonometry: ReferenceTrigonometry(
        angles: problem.angles, attentionFactor: problem.attentionFactor, positions: positions))
    var sum = 0.0
    if isTable {
      let table = try exact.table(rows: 0..<sample.rows.count)
      let wantsCosine = (kernel.kind == .cosine) != (mistake == .swapped)
      let reference = wantsCosine ? table.cosine.high : table.sine.high
      let (pairs, columns) = (embedding.pairCount, kernel.tensor.shape[1])
      for (number, row) in sample.rows.enumerated() {
        let values = try kernel.tensor.elements(row * columns..<(row + 1) * columns)
        for pair in 0..<pairs {
          sum += (values[kernel.pairing.column(ofPair: pair)] - reference[number * pairs + pair]).magnitude
        }
      }
    } else {
      guard mistake != .swapped else { return nil }
      let isQuery = kernel.kind == .rotatedQuery
      let size = kernel.layer.headSize
      let tokens = isQuery ? kernel.layer.queryTokens : kernel.layer.keyTokens
      for (number, row) in sample.rows.enumerated() {
        let vector = try input.read(
          isQuery ? .query : .key, layer: kernel.layer.index, head: sample.head, tokens: row..<row + 1)
        let reference =
          mistake == .unrotated ? vector : try exact.rotated(vector, firstRow: number).high
        let start = (sample.head * tokens + row) * size
        let values = try kernel.tensor.elements(start..<start + size)
        for channel in 0..<size { sum += (values[channel] - reference[channel]).magnitude }
      }
    }
    return sum.isFinite ? sum : nil
  }

  /// The problem with a mistake; nil where the mistake changes nothing or cannot be made.
  private func problem(with mistake: Mistake, isTable: Bool) throws -> ReferenceProblem? {
    switch mistake {
    case .otherLayout:
      guard !isTable,
        let other = try? RotaryEmbedding(
          headSize: embedding.headSize, rotarySize: embedding.rotarySize, base: embedding.base,
          layout: embedding.layout == .halfSplit ? .interleaved : .halfSplit, scaling: embedding.scaling)
      else { return nil }
      return try ReferenceProblem(embedding: other, scale: scale, softcap: softcap, angles: reference.angles)
    case .withoutFactor:
      guard reference.attentionFactor.rational != Rational(1) else { return nil }
      let plain = try RotaryEmbedding(
        headSize: embedding.headSize, rotarySize: embedding.rotarySize, base: embedding.base,
        layout: embedding.layout)
      return try ReferenceProblem(embedding: plain, scale: scale, softcap: softcap, angles: reference.angles)
    case .unrotated: return isTable ? nil : reference
    default: return reference
    }
  }
}
