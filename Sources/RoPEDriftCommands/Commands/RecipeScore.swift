// One emulated score beside the exact one: every stage's value, and the difference at the end.

import RoPEDrift

/// What `score --recipe` shows of one recipe.
struct RecipeScore {
  let recipe: Recipe
  private let emulation: Emulation
  private let score: EmulatedScore
  private let pair: ScorePair
  private let digits: Int
  /// The reference that the differences are taken from; nil where it is not defined.
  private let exact: ExactReal?

  init(_ recipe: Recipe, _ problem: ResolvedProblem, _ pair: ScorePair, digits: Int) throws {
    self.recipe = recipe
    self.pair = pair
    self.digits = digits
    emulation = try Emulation(
      recipe: recipe, embedding: problem.embedding(headSize: pair.headSize), scale: problem.scale,
      softcap: problem.softcap)
    score = try pair.emulatedScore(emulation)
    exact = pair.exactScore(try problem.reference(headSize: pair.headSize, storedFrequenciesOf: recipe))
  }

  private func stored(_ value: StageValue, _ chains: RoundingChain...) throws -> StoredValue {
    // What a stage keeps exact is still stored as an earlier stage left it.
    try StoredValue(value, format: chains.first { !$0.isExact }?.stored, digits: digits)
  }

  // MARK: Stages

  private func frequency(_ index: Int) throws -> StoredValue {
    // What a stored timescale or step stands for is a real number in no format.
    let frequency = emulation.frequencies[index]
    if case .real = frequency { return try stored(frequency) }
    return try stored(frequency, recipe.inverseFrequency.rounding)
  }

  private func angle(_ entry: TableEntry) throws -> StoredValue {
    try stored(entry.angle, recipe.angle.rounding)
  }

  private func trig(_ value: StageValue) throws -> StoredValue { try stored(value, recipe.trig.rounding) }

  private func table(_ value: StageValue) throws -> StoredValue {
    try stored(value, recipe.table, recipe.trig.rounding)
  }

  private func input(_ side: EmulatedScore.Side, _ channel: Int) throws -> StoredValue {
    try stored(side.input[channel], recipe.input)
  }

  private func rotated(_ side: EmulatedScore.Side, _ channel: Int) throws -> StoredValue {
    let earlier = channel < emulation.embedding.rotarySize ? recipe.rotation.rounding : recipe.input
    return try stored(side.rotated[channel], recipe.rotated, earlier)
  }

  /// A channel as the dot product takes it, where the recipe rounds or scales it once more; else nil.
  private func operand(_ side: EmulatedScore.Side, _ channel: Int, isQuery: Bool) throws -> StoredValue? {
    let isScaled =
      recipe.logit.scaling == .onQueryAndKey || recipe.logit.scaling == .onQuery && isQuery
    let chain = isQuery ? recipe.dot.queryOperand : recipe.dot.keyOperand
    guard isScaled || !chain.isExact else { return nil }
    return try stored(side.operands[channel], chain, isScaled ? recipe.logit.scaledOperand : .exact)
  }

  private func scalars() throws -> [(name: String, value: StoredValue)] {
    let logit = recipe.logit
    return [
      ("accumulator", try stored(score.accumulator, recipe.dot.rounding)),
      ("stored score", try stored(score.storedScore, logit.storedScore, recipe.dot.rounding)),
      ("scale factor", try stored(emulation.scaleFactor, logit.factorChain)),
      ("logit", try stored(score.logit, logit.rounding)),
    ]
  }

  // MARK: Error

  /// Logit minus exact score.
  private enum Difference {
    /// The decimal to the asked number of digits, and the nearest binary64 number.
    case value(decimal: String, nearest: Double)
    /// Two expressions that may be equal, as where a recipe rounds nothing: no precision tries to tell them apart for ever.
    case notToldFromZero
    /// One of the two is not finite.
    case undefined
  }

  /// Where the attempt to tell a difference from zero ends, in bits.
  private static let differenceLimit = 4096

  private func difference() -> Difference {
    guard let exact, let logit = score.logit.exactReal else { return .undefined }
    let difference = ExactReal.sum([logit, -exact])
    do {
      let value = try difference.exactValue(limit: Self.differenceLimit)
      return .value(
        decimal: try difference.decimal(digits: min(digits, 17)),
        nearest: FloatingPointFormat.fp64.rounded(value))
    } catch {
      return .notToldFromZero
    }
  }

  /// The difference in units in the last place of the logit's format at the exact score.
  private func ulps(_ difference: Double) -> Double? {
    guard let format = recipe.logitFormat, let exact, let value = try? exact.exactValue(),
      let unit = format.unitInLastPlace(at: FloatingPointFormat.fp64.rounded(value))
    else { return nil }
    return difference / unit
  }

  // MARK: Output

  func json(frequencies: String) throws -> JSONValue {
    var object: JSONObject = ["recipe": .string(recipe.name)]
    object["scale_factor"] = try scalars()[2].value.json
    object["pairs"] = .array(
      try (0..<emulation.embedding.pairCount).map { index in
        func side(_ entry: TableEntry) throws -> JSONValue {
          .object([
            "angle": try angle(entry).json, "trig_cos": try trig(entry.trigCosine).json,
            "trig_sin": try trig(entry.trigSine).json, "cos": try table(entry.cosine).json,
            "sin": try table(entry.sine).json,
          ])
        }
        let embedding = emulation.embedding
        let channels = embedding.layout.channels(ofPair: index, rotarySize: embedding.rotarySize)
        return .object([
          "pair": .integer(index), "channels": [.integer(channels.first), .integer(channels.second)],
          "frequency": try frequency(index).json, "query": try side(score.query.table[index]),
          "key": try side(score.key.table[index]),
        ])
      })
    object["channels"] = .array(
      try (0..<pair.headSize).map { channel in
        var object: JSONObject = [
          "channel": .integer(channel), "query_input": try input(score.query, channel).json,
          "query_rotated": try rotated(score.query, channel).json,
        ]
        let query = try operand(score.query, channel, isQuery: true)
        if let query { object["query_operand"] = query.json }
        object["key_input"] = try input(score.key, channel).json
        object["key_rotated"] = try rotated(score.key, channel).json
        let key = try operand(score.key, channel, isQuery: false)
        if let key { object["key_operand"] = key.json }
        return .object(object)
      })
    for (name, value) in try scalars() where name != "scale factor" {
      object[name.replacing(" ", with: "_")] = value.json
    }
    let difference = difference()
    object["exact_frequencies"] = .string(frequencies)
    object["exact_value"] = try exact.map { .string(try $0.decimal(digits: digits)) } ?? .string("NaN")
    object["difference"] = .null
    object["error_ulp"] = .null
    switch difference {
    case .value(_, let nearest):
      object["difference"] = .number(nearest)
      object["error_ulp"] = ulps(nearest).map(JSONValue.number) ?? .null
    case .notToldFromZero: object["difference_note"] = .string(Self.notToldFromZero)
    case .undefined: object["difference_note"] = "not defined"
    }
    return .object(object)
  }

  /// Tables for people, of the first pairs and channels or of all.
  func text(full: Bool, frequencies: String) throws -> String {
    var text = "recipe \(recipe.name)\n"
    let shownPairs = full ? emulation.embedding.pairCount : min(emulation.embedding.pairCount, 4)
    for (name, position, side) in [
      ("query", pair.queryPosition, score.query), ("key", pair.keyPosition, score.key),
    ] {
      text += "\ntable at the \(name)'s position \(position)\n"
      var table = AlignedTextTable(header: [
        "pair", "frequency", "bits", "angle", "bits", "cos", "bits", "sin", "bits",
      ])
      for index in 0..<shownPairs {
        let entry = side.table[index]
        table.append(
          [.integer(index)] + (try frequency(index).cells) + (try angle(entry).cells)
            + (try self.table(entry.cosine).cells) + (try self.table(entry.sine).cells))
      }
      text += table.text + Self.rest(emulation.embedding.pairCount - shownPairs, "pairs")
    }
    let shownChannels = full ? pair.headSize : min(pair.headSize, 4)
    text += "\nvectors\n"
    var vectors = AlignedTextTable(header: [
      "channel", "query", "bits", "rotated", "bits", "key", "bits", "rotated", "bits",
    ])
    for channel in 0..<shownChannels {
      vectors.append(
        [.integer(channel)] + (try input(score.query, channel).cells)
          + (try rotated(score.query, channel).cells) + (try input(score.key, channel).cells)
          + (try rotated(score.key, channel).cells))
    }
    text += vectors.text + Self.rest(pair.headSize - shownChannels, "channels") + "\n"
    text += try operandText(shownChannels)
    var results = AlignedTextTable(header: ["result", "value", "bits", "format"])
    for (name, value) in try scalars() {
      results.append([.string(name)] + value.cells + [.string(value.format?.spelling ?? "exact")])
    }
    text += results.text
    return text + (try errorLine(frequencies: frequencies))
  }

  /// The operands of the dot product, where they are not the stored rotated vectors.
  private func operandText(_ shown: Int) throws -> String {
    var table = AlignedTextTable(header: ["channel", "query operand", "bits", "key operand", "bits"])
    var isNeeded = false
    for channel in 0..<shown {
      let query = try operand(score.query, channel, isQuery: true)
      let key = try operand(score.key, channel, isQuery: false)
      isNeeded = isNeeded || query != nil || key != nil
      table.append(
        [.integer(channel)] + (try query ?? rotated(score.query, channel)).cells
          + (try key ?? rotated(score.key, channel)).cells)
    }
    return isNeeded ? "operands of the dot product\n\(table.text)\n" : ""
  }

  private func errorLine(frequencies: String) throws -> String {
    switch difference() {
    case .undefined: return "error         not defined\n"
    case .notToldFromZero: return "error         \(Self.notToldFromZero)\n"
    case .value(let decimal, let nearest):
      let reference =
        frequencies == "real" ? "the exact score" : "the exact score at \(frequencies) frequencies"
      let inUlps = ulps(nearest).map {
        " = \(AlignedTextTable.text($0)) ulp of \(recipe.logitFormat!.spelling)"
      }
      return "error         \(decimal) from \(reference)\(inUlps ?? "")\n"
    }
  }

  private static let notToldFromZero = "not told from zero at \(differenceLimit) bits"

  private static func rest(_ count: Int, _ what: String) -> String {
    count == 0 ? "" : "… \(count) more \(what); --full shows all\n"
  }
}
