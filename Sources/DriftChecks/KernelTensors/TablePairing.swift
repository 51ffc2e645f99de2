// Tables of cos and sin as implementations keep them: one value a pair, or each value twice, in one of two orders. Which one is
// found out and verified, never guessed.

import TensorIO

/// How a row of a stored table holds its r/2 values.
public enum TablePairing: String, Sendable, Hashable {
  /// [tokens, r/2]: one a pair.
  case single
  /// [tokens, r]: the values, then the same again (half-split layouts).
  case halves = "halves repeated"
  /// [tokens, r]: every value twice (interleaved layouts).
  case neighbours = "neighbours repeated"

  /// Columns of the first copy of pair i.
  func column(ofPair pair: Int) -> Int { self == .neighbours ? 2 * pair : pair }

  /// The pairing of a table with the shape [tokens, r/2] or [tokens, r]; every element is read once where there are copies.
  ///
  /// A table of which both orders are true (equal columns) is taken as halves. NaNs count as equal.
  ///
  /// - Throws: ``ComparisonInputError`` where neither holds, with the first index at which each fails.
  init(of table: MappedTensor, tokens: Int, pairs: Int) throws {
    guard table.shape.last == 2 * pairs else {
      self = .single
      return
    }
    var halves: String?
    var neighbours: String?
    let rows = max(1, (1 << 16) / (2 * pairs))
    for start in stride(from: 0, to: tokens, by: rows) {
      let end = min(tokens, start + rows)
      let block = try table.elements(start * 2 * pairs..<end * 2 * pairs)
      func mismatch(_ row: Int, _ a: Int, _ b: Int) -> String? {
        let (x, y) = (block[row * 2 * pairs + a], block[row * 2 * pairs + b])
        if x.bitPattern == y.bitPattern || x.isNaN && y.isNaN { return nil }
        return "[\(start + row), \(a)] is \(x) and [\(start + row), \(b)] is \(y)"
      }
      for row in 0..<end - start {
        for pair in 0..<pairs {
          if halves == nil { halves = mismatch(row, pair, pair + pairs) }
          if neighbours == nil { neighbours = mismatch(row, 2 * pair, 2 * pair + 1) }
        }
      }
      if let halves, let neighbours {
        throw ComparisonInputError(
          file: table.file, tensor: table.name,
          expected: "the \(pairs) values of a row twice, as halves or as neighbours",
          found: "neither: as halves \(halves); as neighbours \(neighbours)",
          mend: "save one value a pair, [tokens, \(pairs)]")
      }
    }
    self = halves == nil ? .halves : .neighbours
  }
}
