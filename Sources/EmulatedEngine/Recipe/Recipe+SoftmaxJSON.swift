// Reading the softmax and output stages from JSON. Both may be left out; what is there must fit together.

import FloatingPointFormats
import StrictJSON

extension Recipe.Softmax {
  /// The stage of a recipe whose logit stage is `logit`.
  ///
  /// - Throws: ``RecipeError``.
  init(_ reader: RecipeObject, logit: Recipe.Logit) throws {
    self = try Self.read(reader)
    try check(reader, logit)
  }

  static let keys =
    [
      "algorithm", "tile", "tileOrder", "exponential", "log2e", "exponent", "difference", "sum",
      "normalization",
    ] + Recipe.roundingKeys

  private static func read(_ reader: RecipeObject) throws -> Self {
    let exponential: Exponential = try reader.name("exponential")
    let algorithm = try Self.algorithm(reader)
    let isFullRow = algorithm == .fullRow
    if isFullRow != (reader.values["normalization"] != nil) {
      throw reader.conflict(
        "normalization", value: isFullRow ? "missing" : "given",
        expected: isFullRow
          ? "one: a full row is normalized before the product with the values"
          : "none here: an online softmax is normalized at the end, by output.normalization")
    }
    return Self(
      algorithm: algorithm, exponential: exponential,
      log2e: reader.values["log2e"] == nil ? .exact : try reader.chain("log2e"),
      exponent: reader.values["exponent"] == nil ? .exact : try reader.chain("exponent"),
      difference: try reader.chain("difference"), rounding: try reader.chain(),
      sum: try Self.sum(
        reader.object("sum", keys: ["order", "laneWidth", "tiles"] + Recipe.roundingKeys),
        isFullRow: isFullRow),
      normalization: isFullRow ? try Recipe.Normalization(reader) : nil)
  }

  private static func algorithm(_ reader: RecipeObject) throws -> Algorithm {
    enum Name: String, CaseIterable { case fullRow, online }
    let name: Name = try reader.name("algorithm")
    guard name == .online else {
      for key in ["tile", "tileOrder"] where reader.values[key] != nil {
        throw reader.conflict(key, value: "given", expected: "none with a full row, which has no tiles")
      }
      return .fullRow
    }
    let text = reader.values["tileOrder"] == nil ? "ascending" : try reader.string("tileOrder")
    guard let order = TileOrder(spelling: text) else {
      throw reader.invalid("tileOrder", expected: "one of " + TileOrder.spellings.joined(separator: ", "))
    }
    let tile = try Self.tile(reader)
    if case .diagonalFirst(let block) = order,
      !(tile.upTo.map(\.tile) + [tile.otherwise]).allSatisfy({ block.isMultiple(of: $0) })
    {
      throw reader.conflict(
        "tileOrder", value: text, expected: "a block that every tile divides: a tile lies in one block")
    }
    return .online(tile: tile, order: order)
  }

  /// `"tile": 64`, or by head size: `"tile": { "64": 128, "otherwise": 64 }`.
  private static func tile(_ reader: RecipeObject) throws -> TileSize {
    let range: ClosedRange<UInt64> = 1...1 << 20
    guard case .object(let members) = reader.values["tile"] else {
      return TileSize(Int(try reader.integer("tile", in: range)))
    }
    let sizes = RecipeObject(recipe: reader.recipe, path: reader.place("tile"), members)
    var limits: [HeadSizeLimit] = []
    for key in sizes.values.keys where key != "otherwise" {
      guard key.allSatisfy({ $0.isASCII && $0.isNumber }), let headSize = Int(key), headSize > 0 else {
        throw RecipeError.unknownKey(recipe: reader.recipe, key: sizes.place(key), suggestion: "otherwise")
      }
      limits.append(HeadSizeLimit(headSize: headSize, tile: Int(try sizes.integer(key, in: range))))
    }
    limits.sort { $0.headSize < $1.headSize }
    return TileSize(upTo: limits, otherwise: Int(try sizes.integer("otherwise", in: range)))
  }

  private static func sum(_ reader: RecipeObject, isFullRow: Bool) throws -> Sum {
    let text = try reader.string("order")
    let order = Recipe.Dot.Order(spelling: text)
    let accumulator = try reader.chain()
    switch order {
    case .sequential, .pairwise, .lanes(_, _, false), .blocks, .exact: break
    default:
      throw reader.invalid(
        "order",
        expected: "one of sequential, pairwise, lanes(n), lanes(n,neighbours), blocks(n), exact")
    }
    guard (order == .exact) == accumulator.isExact else {
      throw reader.conflict(
        "order", value: "\(text) with format \(accumulator.summary)",
        expected: "order 'exact' and format 'exact' together")
    }
    var width = 1
    if reader.values["laneWidth"] != nil {
      guard case .lanes = order else {
        throw reader.conflict("laneWidth", value: "given", expected: "an order lanes(n) with it")
      }
      width = Int(try reader.integer("laneWidth", in: 1...4096))
    }
    let tiles: Sum.Tiles? = try reader.optionalName("tiles")
    if let tiles {
      guard !isFullRow else {
        throw reader.conflict("tiles", value: tiles.rawValue, expected: "none with a full row")
      }
      if order == .pairwise, tiles == .running {
        throw reader.conflict(
          "tiles", value: "running",
          expected: "separate or fused with order pairwise, which has no running sum")
      }
    } else if !isFullRow {
      throw RecipeError.missing(recipe: reader.recipe, field: reader.place("tiles"))
    }
    return Sum(order: order!, laneWidth: width, tiles: tiles ?? .running, rounding: accumulator)
  }

  /// What the formula needs of the logit stage.
  private func check(_ reader: RecipeObject, _ logit: Recipe.Logit) throws {
    func only(_ key: String, _ isNeeded: Bool, _ reason: String) throws {
      if (reader.values[key] != nil) != isNeeded {
        throw reader.conflict(key, value: isNeeded ? "missing" : "given", expected: reason)
      }
    }
    let isInside = logit.scaling == .insideExponential
    try only(
      "exponent", exponential != .exp,
      exponential == .exp ? "nothing with exponential exp" : "the format of the product under exp2")
    try only(
      "log2e", exponential == .exp2 && !isInside,
      exponential == .exp2 && !isInside
        ? "the stored log2 e" : "nothing where logits are not multiplied by log2 e")
    if exponential == .exp2Fused, !isInside {
      throw reader.conflict(
        "exponential", value: exponential.rawValue, expected: "logit.scaling insideExponential with it")
    }
    guard exponential != .exp, isInside else { return }
    // The scale is in the product under exp2: logit.exponent says how it is rounded.
    let expected = exponential == .exp2Fused ? RoundingChain.exact : exponent
    guard logit.exponent.formats == expected.formats else {
      throw reader.conflict(
        "exponential", value: exponential.rawValue,
        expected: exponential == .exp2Fused
          ? "logit.exponent exact: the product is fused" : "softmax.exponent as logit.exponent is")
    }
    guard !logit.exponentFactor.isExact else {
      throw reader.conflict(
        "exponential", value: exponential.rawValue, expected: "a format for logit.exponentFactor")
    }
    if logit.softcap?.algorithm == .afterScale {
      throw reader.conflict(
        "exponential", value: exponential.rawValue,
        expected: "logit.softcap insteadOfScale: after the scale there is no factor left inside exp2")
    }
  }
}

extension Recipe.Normalization {
  /// The member `normalization` of a stage.
  init(_ stage: RecipeObject) throws {
    let reader = try stage.object(
      "normalization", keys: ["algorithm", "reciprocal"] + Recipe.roundingKeys)
    algorithm = try reader.name("algorithm")
    if algorithm == .divide, reader.values["reciprocal"] != nil {
      throw reader.conflict("reciprocal", value: "given", expected: "nothing with algorithm divide")
    }
    reciprocal = algorithm == .divide ? .exact : try reader.chain("reciprocal")
    rounding = try reader.chain()
  }
}

extension Recipe.Output {
  static let keys =
    [
      "order", "probabilityOperand", "valueOperand", "accumulator", "rescaling", "normalization",
    ] + Recipe.roundingKeys

  /// The stage of a recipe with this softmax stage; nil for the default.
  ///
  /// - Throws: ``RecipeError``.
  init(_ reader: RecipeObject, softmax: Recipe.Softmax?) throws {
    let text = try reader.string("order")
    guard let order = Recipe.Dot.Order(spelling: text) else {
      throw reader.invalid(
        "order",
        expected: "one of " + Recipe.Dot.Order.spellings.joined(separator: ", ")
          + didYouMean(nearestName(to: text, among: Recipe.Dot.Order.spellings)))
    }
    let isOnline = softmax.map { $0.algorithm != .fullRow } ?? false
    for key in ["rescaling", "normalization"] where (reader.values[key] != nil) != isOnline {
      throw reader.conflict(
        key, value: isOnline ? "missing" : "given",
        expected: isOnline ? "one with an online softmax" : "none: only an online softmax has it")
    }
    self.order = order
    probabilityOperand = try reader.optionalStageChain("probabilityOperand")
    valueOperand = try reader.optionalStageChain("valueOperand")
    accumulator = try reader.chain("accumulator")
    rescaling = isOnline ? try reader.chain("rescaling") : .exact
    normalization = isOnline ? try Recipe.Normalization(reader) : nil
    rounding = try reader.chain()
    guard (order == .exact) == accumulator.isExact else {
      throw reader.conflict(
        "order", value: "\(text) with accumulator \(accumulator.summary)",
        expected: "order 'exact' and accumulator 'exact' together")
    }
    if isOnline, order == .pairwise {
      throw reader.conflict(
        "order", value: text, expected: "an order with a running accumulator: the softmax is online")
    }
    if case .tensorCore = order {
      guard accumulator.formats.count == 1, accumulator.formats[0].precision <= 24,
        accumulator.rounding == .nearestEven
      else {
        throw reader.conflict(
          "order", value: "\(text) with accumulator \(accumulator.summary)",
          expected: "one format of at most 24 bits, and no rounding beside it: the order states its own")
      }
    }
  }
}

extension Recipe {
  /// What the output stage takes of earlier ones: a matrix unit multiplies binary32 numbers.
  func checkOutput(_ reader: RecipeObject) throws {
    guard let output, case .tensorCore = output.order else { return }
    let weight = softmax.flatMap { $0.normalization?.rounding ?? $0.rounding }
    let operands = [
      output.probabilityOperand.stored ?? probability.stored ?? weight?.stored,
      output.valueOperand.stored ?? input.stored,
    ]
    guard operands.allSatisfy({ $0?.isSubset(of: .fp32) == true }) else {
      throw reader.conflict(
        "output", value: output.order.spelling,
        expected: "operands stored in a format within fp32: give probabilityOperand and valueOperand a format"
      )
    }
  }
}
