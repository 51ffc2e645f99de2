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
    let unit = format?.unitInLastPlace(at: reference)
    var relative: Double?
    var ulps: Double?
    switch stored {
    case .real:
      // Kept exact: the same number, which no interval of an irrational one could show.
      relative = exact.isZero ? nil : 0
    case .number(let number) where number.isFinite:
      let error = ExactReal.sum([ExactReal(number), -exact])
      // A frequency that became zero is off by all of itself, whatever it was.
      relative =
        exact.isZero ? nil : number == 0 ? -1 : binary64.rounded(try (error * exact.reciprocal).exactValue())
      ulps = try unit.map { binary64.rounded(try (error * ExactReal(Rational($0).reciprocal)).exactValue()) }
    case .number: break
    }
    return [
      .number(reference), .number(value), Cell(format?.spelling),
      Cell(format.map { $0.hexadecimal($0.round(ExactValue(value)).encoding) }), Cell(relative), Cell(ulps),
    ]
  }
}
