// What was measured for a page, as tables of the report and in its record.

import DriftAnalysis

/// A table of what was measured for a page.
struct PageMeasurementTable: Sendable {
  /// Name, columns, meanings.
  let description: TableDescription
  /// Calls its argument with every row, in order.
  let forEachRow: @Sendable (([Cell]) throws -> Void) throws -> Void
}

extension PageMeasurements {
  /// The tables that have rows.
  var tables: [PageMeasurementTable] {
    var tables: [PageMeasurementTable] = []
    let attributed = attributions.compactMap { attribution -> AttributionResults? in
      if case .measured(let results, _, _) = attribution { results } else { nil }
    }
    if !attributed.isEmpty {
      tables.append(
        PageMeasurementTable(
          description: Self.table(
            AttributionTable.description,
            "One head of each recipe was taken apart, the one with the greatest D; 'all' means that head. "),
          forEachRow: { write in
            for results in attributed { try AttributionTable.forEachRow(results, write) }
          }))
    }
    if !angles.isEmpty {
      let groups = angles
      tables.append(
        PageMeasurementTable(
          description: Self.table(
            AngleTable.pairs.description,
            "Recipes with the same frequency, position and angle stages have the same angles and stand under the first one's name. "
          ),
          forEachRow: { write in
            for group in groups { try AngleTable.pairs.forEachRow(group.measured, write) }
          }))
    }
    return tables
  }

  private static func table(_ table: TableDescription, _ what: String) -> TableDescription {
    TableDescription(
      name: table.name, title: table.title, summary: what + table.summary, schema: table.schema)
  }

  /// A record of a run with what was measured for the page, under `page`.
  func recorded(in record: JSONValue) -> JSONValue {
    guard case .object(var object) = record else { return record }
    object["page"] = .object([
      "attribution": .array(
        attributions.map { attribution in
          switch attribution {
          case .measured(let results, let layer, let head):
            .object([
              "recipe": .string(results.recipes[0].variants.recipe.name), "layer": .integer(layer),
              "head": .integer(head), "carrier": "fp64",
              "stages": .array(results.recipes[0].variants.stages.map { .string($0.name) }),
            ])
          case .left(let recipe, let reason):
            .object(["recipe": recipe.map(JSONValue.string) ?? .null, "not_measured": .string(reason)])
          }
        }),
      "angles": .array(
        angles.map { group in
          .object([
            "recipes": .array(group.names.map(JSONValue.string)),
            "positions": .array(
              group.results.ranges.map {
                .array([.integer($0.positions.lowerBound), .integer($0.positions.upperBound)])
              }),
            "tier": group.results.isFast ? "fast" : "plain",
          ])
        }),
    ])
    return .object(object)
  }
}
