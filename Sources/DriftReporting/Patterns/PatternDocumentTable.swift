// pattern_documents.csv: what a pattern does to each document: its first token's part, mass, positions.

import DriftAnalysis
import RotaryAttention

/// A row for each pattern, recipe and document.
public enum PatternDocumentTable {
  /// Name, columns, meanings.
  public static let description = TableDescription(
    name: "pattern_documents", title: "Documents under each pattern",
    summary:
      "Drift of each document's first token over the queries that see it, attention mass on it and on token 0, and the document's positions, over "
      + "all layers and heads. Positions are without a shift.",
    schema: TableSchema(
      columns: [PatternTable.pattern] + ColumnDescription.comparison + documentColumns
        + ValueSpace.allCases.flatMap(driftColumns) + massColumns,
      primaryKey: ["pattern", "recipe", "shift_1", "shift_2", "document"]))

  /// Calls `write` with every row.
  public static func forEachRow(_ results: [PatternResults], _ write: ([Cell]) throws -> Void) throws {
    for result in results {
      let layout = result.pattern.documents
      for (index, recipe) in result.drift.recipes.enumerated() {
        let rows = result.rows[index]
        for document in layout.documents.indices {
          let key = result.firstTokens[index][document]
          try write(
            [.string(result.name)] + Cell.comparison(recipe, recipe.comparisons[0].shifts)
              + cells(layout, document, result.extent.documents[document])
              + drift(key.logit, key.logitConcentration)
              + drift(key.probability, key.probabilityConcentration)
              + masses(rows.firstTokenMasses[document], rows.anchorMasses[document]))
        }
      }
    }
  }

  private static let documentColumns: [ColumnDescription] = [
    ColumnDescription("document", .integer, meaning: "The document's index.", minimum: 0),
    ColumnDescription("domain", .string, meaning: "Where its text comes from.", emptyWhere: "nobody said"),
    ColumnDescription("tokens", .integer, unit: "tokens", meaning: "Its tokens, tags included.", minimum: 1),
    ColumnDescription(
      "tag_tokens", .integer, unit: "tokens", meaning: "How many tokens at its head are a tag of its domain.",
      minimum: 0),
    ColumnDescription(
      "chunks", .integer, meaning: "Into how many chunks of the window it is cut.", minimum: 1),
    ColumnDescription("first_token", .integer, meaning: "Index of its first token in the file.", minimum: 0),
    ColumnDescription(
      "queries", .integer, unit: "queries", meaning: "How many of its tokens are queries.", minimum: 0),
    ColumnDescription(
      "visible_pairs", .integer, unit: "pairs", meaning: "Keys that its queries see, in one head.", minimum: 0
    ),
    ColumnDescription(
      "least_position", .integer, unit: "positions", meaning: "Least position of its queries.",
      emptyWhere: "none of its tokens is a query"),
    ColumnDescription(
      "greatest_position", .integer, unit: "positions", meaning: "Greatest position of its queries.",
      emptyWhere: "none of its tokens is a query"),
    ColumnDescription(
      "position_range_max", .integer, unit: "positions",
      meaning: "Greatest query position minus key position that its queries see.", minimum: 0),
  ]

  private static func cells(_ layout: DocumentLayout, _ document: Int, _ extent: PositionExtent.Part)
    -> [Cell]
  {
    let entry = layout.documents[document]
    return [
      .integer(document), Cell(entry.domain.flatMap { $0.isEmpty ? nil : $0 }), .integer(entry.length),
      .integer(entry.tagTokens), .integer(layout.chunksOfDocument[document].count),
      .integer(layout.firstToken(ofDocument: document)), .integer(extent.queries),
      .integer(extent.visiblePairs), Cell(extent.leastPosition), Cell(extent.greatestPosition),
      .integer(extent.greatestRange),
    ]
  }

  private static func driftColumns(_ space: ValueSpace) -> [ColumnDescription] {
    let name = space.rawValue
    let empty = ColumnDescription.noFiniteDifference
    return [
      ColumnDescription(
        "first_token_\(name)_share", .number,
        meaning:
          "Part of the sum of |\(name) difference| over all keys that falls on the document's first token.",
        emptyWhere: empty + " or the sum is zero"),
      ColumnDescription(
        "first_token_\(name)_uniform_share", .number,
        meaning: "The first token's part of all visible pairs.", emptyWhere: "no pair is visible"),
      ColumnDescription(
        "first_token_\(name)_mean_abs", .number, unit: name,
        meaning: "Mean |\(name) difference| of the first token.", emptyWhere: empty),
      ColumnDescription(
        "first_token_\(name)_signed_mean", .number, unit: name,
        meaning: "Mean \(name) difference of the first token, with its sign.", emptyWhere: empty),
    ]
  }

  private static func drift(_ sums: DifferenceSums, _ concentration: Concentration) -> [Cell] {
    [
      Cell(concentration.share), Cell(concentration.uniformShare), Cell(sums.mean), Cell(sums.signedMean),
    ]
  }

  private static let massColumns: [ColumnDescription] = [
    (
      "first_token_mass", "Queries that see the document's first token and are not it",
      "the document's first token"
    ),
    ("anchor_mass", "Queries of the document that see token 0 and are not it", "token 0"),
  ].flatMap { name, who, what in
    [
      ColumnDescription(
        "\(name)_queries", .integer, unit: "queries", meaning: "\(who), over all heads.", minimum: 0),
      ColumnDescription(
        "\(name)_reference", .number, unit: "probability",
        meaning: "Mean over those queries of the reference's probability of \(what).",
        emptyWhere: "there is no such query"),
      ColumnDescription(
        "\(name)_emulated", .number, unit: "probability",
        meaning: "Mean over those queries of the probability of \(what) at shift_1.",
        emptyWhere: "there is no such query"),
    ]
  }

  private static func masses(_ first: AttentionMass, _ anchor: AttentionMass) -> [Cell] {
    [first, anchor].flatMap { [.integer($0.queries), Cell($0.reference), Cell($0.emulated)] }
  }
}
