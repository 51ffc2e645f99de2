// pattern_layout.csv: how the window is packed: chunk by chunk, with positions and with what each chunk's last token sees.

import DriftAnalysis
import RotaryAttention

/// A row for each pattern and chunk.
public enum PatternLayoutTable {
  /// Name, columns, meanings.
  public static let description = TableDescription(
    name: "pattern_layout", title: "Chunks of the window",
    summary:
      "The window's chunks of consecutive tokens of one document, with their positions under each pattern and with what the chunk's last token "
      + "sees: so that the effect of interleaving and of tags on positions and visibility can be read off.",
    schema: TableSchema(
      columns: [
        PatternTable.pattern,
        ColumnDescription("chunk", .integer, meaning: "The chunk's index in the window.", minimum: 0),
        ColumnDescription("document", .integer, meaning: "Its document's index.", minimum: 0),
        ColumnDescription(
          "domain", .string, meaning: "Where the document's text comes from.", emptyWhere: "nobody said"),
        ColumnDescription(
          "first_token", .integer, meaning: "Index of its first token in the window.", minimum: 0),
        ColumnDescription(
          "tokens", .integer, unit: "tokens", meaning: "Its tokens, tags included.", minimum: 1),
        ColumnDescription(
          "tag_tokens", .integer, unit: "tokens", meaning: "How many of them are of the document's tag.",
          minimum: 0),
        ColumnDescription(
          "first_position", .integer, unit: "positions", meaning: "Position of its first token."),
        ColumnDescription(
          "last_position", .integer, unit: "positions", meaning: "Position of its last token."),
        ColumnDescription(
          "visible_keys", .integer, unit: "keys", meaning: "Keys that its last token sees, itself included.",
          minimum: 1),
        ColumnDescription(
          "visible_keys_of_document", .integer, unit: "keys",
          meaning: "How many of them are of its own document, tag included.", minimum: 1),
        ColumnDescription(
          "visible_tag_keys", .integer, unit: "keys",
          meaning: "How many of them are of its own document's tag.",
          minimum: 0),
        ColumnDescription(
          "farthest_distance", .integer, unit: "positions",
          meaning: "Position of its last token minus that of the first key that this token sees.", minimum: 0),
      ], primaryKey: ["pattern", "chunk"]))

  /// Calls `write` with every row.
  public static func forEachRow(
    _ patterns: [(name: String, pattern: AttentionPattern)], _ write: ([Cell]) throws -> Void
  ) throws {
    for (name, pattern) in patterns {
      for index in pattern.documents.chunks.indices { try write([.string(name)] + row(pattern, index)) }
    }
  }

  private static func row(_ pattern: AttentionPattern, _ index: Int) -> [Cell] {
    let layout = pattern.documents
    let chunk = layout.chunks[index]
    let document = layout.documents[chunk.document]
    let last = chunk.tokens.upperBound - 1
    let visible = pattern.visibleTokens(ofToken: last)
    func own(_ tokens: Range<Int>) -> Range<Int> {
      layout.count(
        ofDocument: chunk.document, before: tokens.lowerBound)..<layout.count(
          ofDocument: chunk.document, before: tokens.upperBound)
    }
    let seen = visible.map(own)
    let tag = 0..<document.tagTokens
    let positions = pattern.positions
    return [
      .integer(index), .integer(chunk.document), Cell(document.domain.flatMap { $0.isEmpty ? nil : $0 }),
      .integer(chunk.tokens.lowerBound), .integer(chunk.tokens.count),
      .integer((chunk.offset..<chunk.offset + chunk.tokens.count).clamped(to: tag).count),
      .integer(positions[chunk.tokens.lowerBound]), .integer(positions[last]),
      .integer(visible.reduce(0) { $0 + $1.count }), .integer(seen.reduce(0) { $0 + $1.count }),
      .integer(seen.reduce(0) { $0 + $1.clamped(to: tag).count }),
      .integer(positions[last] - positions[visible[0].lowerBound]),
    ]
  }
}
