// `ropedrift frequencies`: the exact frequencies, what formats make of them, and what recipes store.

import ArgumentParser
import RoPEDrift

/// Exact and stored frequencies.
struct FrequenciesCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "frequencies",
    abstract: "Print ω_i = base^(−2i/r) to N digits, and as formats and recipes store it.",
    discussion: """
      Under a format stands the correctly rounded frequency; under a recipe what its steps give. Errors are in units in \
      the last place of the stored format at the exact value. With --base and --rotary-size, or with --model and no INPUT, no \
      input is read.

      Examples:
        ropedrift frequencies --base 500000 --rotary-size 128 --format bf16 --recipe hf-bf16
        ropedrift frequencies --model llama-3.1-8b --format bf16
        ropedrift frequencies capture.safetensors --digits 40 --json
      """)

  @OptionGroup var problem: EmbeddingOptions
  @OptionGroup var digits: DigitsOption
  @OptionGroup var formats: FormatOptions
  @OptionGroup var recipes: RecipeOptions
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let digits = digits.digits ?? 17
    let recipes = try recipes.resolve()
    let formats = try formats.resolve(default: [.fp32, .bf16, .fp16])
    let embedding = try problem.resolve()
    let exact = try embedding.exactFrequencies()
    var columns: [FrequencyColumn] = []
    for format in formats { columns.append(try FrequencyColumn(format, exact)) }
    var recipeColumns: [FrequencyColumn] = []
    for recipe in recipes {
      recipeColumns.append(try FrequencyColumn(recipe, embedding, exact, digits: digits))
    }
    let decimals = try exact.map { try $0.decimal(digits: digits) }
    let factor = try embedding.exactAttentionFactor().decimal(digits: digits)

    if printing.json {
      func members(_ columns: [FrequencyColumn], _ pair: Int) -> JSONValue {
        .object(JSONObject(columns.map { ($0.name, $0.json(pair)) }))
      }
      try console.print(
        json: .object([
          "base": .string(embedding.base.text), "rotary_size": .integer(embedding.rotarySize),
          "head_size": .integer(embedding.headSize), "scaling": .string(embedding.scaling.spelling),
          "attention_factor": .string(factor), "digits": .integer(digits),
          "pairs": .array(
            exact.indices.map { pair in
              .object([
                "pair": .integer(pair), "frequency": .string(decimals[pair]),
                "formats": members(columns, pair), "recipes": members(recipeColumns, pair),
              ])
            }),
        ]))
      return
    }
    let all = columns + recipeColumns
    var table = AlignedTextTable(
      header: ["pair", "frequency"] + all.flatMap { [$0.name, "bits", "error (ulp)"] })
    for pair in exact.indices {
      table.append([.integer(pair), .string(decimals[pair])] + all.flatMap { $0.cells(pair) })
    }
    try console.write(table.text)
    if !embedding.scaling.isDefault {
      try console.print("scaling \(embedding.scaling), attention factor \(factor)")
    }
  }
}

/// One way to store all frequencies.
private struct FrequencyColumn {
  let name: String
  private let values: [StoredValue]
  private let errors: [Double?]

  /// Each frequency correctly rounded into a format.
  init(_ format: FloatingPointFormat, _ exact: [ExactReal]) throws {
    name = format.spelling
    guard format.isSubset(of: .fp64) else {
      throw CommandFailure(
        .wrongUsage, "format \(format.spelling) has values outside binary64; choose a narrower one")
    }
    let stored = try exact.map { StageValue.number(format.rounded(try $0.exactValue())) }
    values = try stored.map { try StoredValue($0, format: format, digits: 17) }
    errors = try zip(stored, exact).map { try Self.error($0, $1, format) }
  }

  /// What a recipe's steps give.
  init(_ recipe: Recipe, _ embedding: RotaryEmbedding, _ exact: [ExactReal], digits: Int) throws {
    name = recipe.name
    let chain = recipe.inverseFrequency.rounding
    let stored = try recipe.frequencies(of: embedding)
    values = try stored.map { try StoredValue($0, format: chain.stored, digits: digits) }
    errors = try zip(stored, exact).map { try Self.error($0, $1, chain.stored) }
  }

  /// (stored − exact)/ulp(exact); nil where that is not defined.
  private static func error(
    _ stored: StageValue, _ exact: ExactReal, _ format: FloatingPointFormat?
  ) throws -> Double? {
    // An exact stage stores the exact value.
    guard let format else { return 0 }
    let reference = FloatingPointFormat.fp64.rounded(try exact.exactValue())
    guard let unit = format.unitInLastPlace(at: reference), let value = stored.exactReal else { return nil }
    let difference = ExactReal.sum([value, -exact]) * ExactReal(Rational(unit).reciprocal)
    return FloatingPointFormat.fp64.rounded(try difference.exactValue())
  }

  func cells(_ pair: Int) -> [Cell] { values[pair].cells + [errors[pair].map(Cell.number) ?? .missing] }

  func json(_ pair: Int) -> JSONValue {
    guard case .object(var object) = values[pair].json else { return values[pair].json }
    object["error_ulp"] = errors[pair].map(JSONValue.number) ?? .null
    return .object(object)
  }
}
