// frequencies.csv: what each recipe stores for every rotary frequency, beside the exact one.

import ArbitraryPrecision
import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine

extension ReportTable {
  /// Exact and stored frequencies per rotary pair.
  public static let frequencies = ReportTable(
    description: TableDescription(
      name: "frequencies", title: "Rotary frequencies as stored",
      summary:
        "base^(-2i/r), scaled where run.json says so, exactly and as each recipe computes and stores it.",
      schema: TableSchema(
        columns: [
          ColumnDescription("recipe", .string, meaning: "Name of the recipe, in full in run.json."),
          ColumnDescription("pair", .integer, meaning: "Index i of the rotary pair.", minimum: 0),
          ColumnDescription(
            "exact", .number, unit: "rad/position",
            meaning: "The exact frequency, correctly rounded to binary64."),
          ColumnDescription(
            "stored", .number, unit: "rad/position",
            meaning: "The stored frequency; its binary64 rounding where the recipe keeps it exact."),
          ColumnDescription(
            "stored_format", .string, meaning: "The format of the stored frequency.",
            emptyWhere: "it is kept exact"),
          ColumnDescription(
            "stored_bits", .string, meaning: "Encoding of the stored frequency, hexadecimal.",
            emptyWhere: "it is kept exact"),
          ColumnDescription(
            "relative_error", .number, meaning: "(stored - exact) / exact, correctly rounded to binary64.",
            emptyWhere: "the exact frequency is zero or the stored one is not finite"),
          ColumnDescription(
            "ulp_error", .number, unit: "ulp",
            meaning:
              "(stored - exact) in units in the last place of the stored format at the exact frequency.",
            emptyWhere: "it is kept exact or not finite"),
        ],
        primaryKey: ["recipe", "pair"])),
    forEachRow: { results, write in
      let exact = try results.experiment.embedding.exactFrequencies()
      for recipe in results.recipes {
        for (pair, stored) in recipe.emulation.frequencies.enumerated() {
          try write(
            [.string(recipe.name), .integer(pair)]
              + frequencyCells(
                exact: exact[pair], stored: stored,
                format: recipe.emulation.recipe.inverseFrequency.rounding.stored))
        }
      }
    })

  private static func frequencyCells(
    exact: ExactReal, stored: StageValue, format: FloatingPointFormat?
  ) throws -> [Cell] {
    let binary64 = FloatingPointFormat.fp64
    let reference = binary64.rounded(try exact.exactValue())
    let value = try stored.binary64()
    let error = stored.exactReal.map { ExactReal.sum([$0, -exact]) }
    let relative =
      exact.isZero ? nil : try error.map { binary64.rounded(try ($0 * exact.reciprocal).exactValue()) }
    let unit = format?.unitInLastPlace(at: reference)
    let ulps = try error.flatMap { error in
      try unit.map { binary64.rounded(try (error * ExactReal(1 / $0)).exactValue()) }
    }
    return [
      .number(reference), .number(value), Cell(format?.spelling),
      Cell(format.map { $0.hexadecimal($0.round(ExactValue(value)).encoding) }), Cell(relative), Cell(ulps),
    ]
  }
}
