// Attention as the runs themselves computed it, where captures hold it: rows of logits and probabilities of some or all queries.

import RotaryAttention
import TensorIO

/// Logits and probabilities `layers.{n}.logits` and `.probabilities` [heads, rows, keys] of both runs, and of the null control where it
/// holds them.
public struct StoredAttention: Sendable {
  /// The queries of the rows, ascending.
  public let queries: [Int]
  /// Their rows.
  private let rowOfQuery: [Int: Int]
  /// A and B, then C where it has them too.
  let runs: [[Int: Layer]]

  /// The tensors of one layer.
  struct Layer: Sendable {
    let logits: MappedTensor
    let probabilities: MappedTensor
  }

  /// Whether the null control holds attention.
  public var hasNull: Bool { runs.count == 3 }

  /// The modes that stored rows give: nothing was rotated again, so there is no isolated part.
  public var modes: [PropagatedMode] { hasNull ? [.propagated, .null] : [.propagated] }

  /// The tensor that lists queries, where not all have rows.
  static let rowsName = "attention.rows"

  /// Finds the tensors; nil where A or B holds none.
  ///
  /// - Throws: ``ComparisonInputError`` where a layer lacks them, a shape is wrong or runs hold other rows.
  init?(
    first: CapturedRun, second: CapturedRun, null: CapturedRun?, layers: [Int], shape: AttentionShape
  ) throws {
    func holds(_ run: CapturedRun) -> Bool {
      run.input.otherTensors.contains { tensor in
        layers.contains { layer in
          tensor.name == "layers.\(layer).logits" || tensor.name == "layers.\(layer).probabilities"
        }
      }
    }
    guard holds(first), holds(second) else { return nil }
    let captures = [first, second] + (null.map { holds($0) ? [$0] : [] } ?? [])
    do {
      let rows = try captures.map { try Self.rows(of: $0, shape) }
      for (run, theirs) in zip(captures, rows).dropFirst() where theirs != rows[0] {
        throw run.unfit(
          "rows of the same queries as \(first.input.spelling)", "others", tensor: Self.rowsName,
          "capture both with the same --attention-rows")
      }
      queries = rows[0]
      rowOfQuery = Dictionary(uniqueKeysWithValues: rows[0].enumerated().map { ($0.element, $0.offset) })
      let extents = [shape.heads, queries.count, shape.keyTokens]
      runs = try captures.map { run in
        try Dictionary(
          uniqueKeysWithValues: layers.map { layer in
            func tensor(_ kind: String) throws -> MappedTensor {
              let name = "layers.\(layer).\(kind)"
              guard let found = run.input.otherTensor(named: name) else {
                throw run.unfit(
                  "it, because the file holds attention", "none", tensor: name,
                  "capture logits and probabilities of every layer, or none")
              }
              guard found.shape == extents, found.elementType.format != nil else {
                throw run.unfit(
                  "real elements of the shape \(extents)", "\(found.elementType.rawValue) \(found.shape)",
                  tensor: name, "capture the run again with --attention-rows")
              }
              return found
            }
            return (layer, Layer(logits: try tensor("logits"), probabilities: try tensor("probabilities")))
          })
      }
    } catch let error as TensorFileError {
      throw ComparisonInputError(error)
    }
  }

  private static func rows(of run: CapturedRun, _ shape: AttentionShape) throws -> [Int] {
    guard let tensor = run.input.otherTensor(named: rowsName) else { return Array(0..<shape.queryTokens) }
    let tokens = try tensor.integers(within: 1 << 53)
    let first = shape.token(ofQuery: 0)
    let queries = tokens.map { $0 - first }
    guard tensor.shape.count == 1, !queries.isEmpty, zip(queries, queries.dropFirst()).allSatisfy(<),
      queries[0] >= 0, queries[queries.count - 1] < shape.queryTokens
    else {
      throw run.unfit(
        "query tokens from \(first) to \(shape.keyTokens - 1) in ascending order", "others",
        tensor: rowsName, "capture the run again with --attention-rows")
    }
    return queries
  }

  /// The visible part of one row of a run.
  func read(
    run: Int, layer: Int, head: Int, query: Int, shape: AttentionShape,
    logits: UnsafeMutableBufferPointer<Double>, probabilities: UnsafeMutableBufferPointer<Double>
  ) throws {
    guard let tensors = runs[run][layer], let row = rowOfQuery[query] else {
      preconditionFailure("no row of query \(query) in layer \(layer)")
    }
    let start = (head * queries.count + row) * shape.keyTokens
    try tensors.logits.read(start..<start + logits.count, into: logits)
    try tensors.probabilities.read(start..<start + probabilities.count, into: probabilities)
  }
}
