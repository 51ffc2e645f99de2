// Reading recipes from JSON. Reading is strict: a stage left out, a key misspelt or a format that cannot be emulated is an error
// that names its place.

import FloatingPointFormats
import Foundation
import StrictJSON

extension Recipe {
  /// Reads a recipe from JSON.
  ///
  /// - Parameters:
  ///   - json: the bytes of a JSON object.
  ///   - origin: what to call the recipe in errors, its file as a rule.
  /// - Throws: ``RecipeError``.
  public init(json: Data, origin: String) throws {
    let reader = try RecipeObject(json: json, origin: origin)
    try reader.allow(["name", "summary", "source"] + RotaryStages.names + AttentionStages.names)
    self.init(
      name: try reader.string("name"), summary: try reader.string("summary"),
      source: try reader.string("source"), rotary: try RotaryStages(reader),
      attention: try AttentionStages(reader))
    try check(reader)
  }

  /// A recipe from its two halves.
  init(name: String, summary: String, source: String, rotary: RotaryStages, attention: AttentionStages) {
    self.name = name
    self.summary = summary
    self.source = source
    inverseFrequency = rotary.inverseFrequency
    position = rotary.position
    angle = rotary.angle
    trig = rotary.trig
    table = rotary.table
    input = rotary.input
    rotation = rotary.rotation
    rotated = rotary.rotated
    dot = attention.dot
    logit = attention.logit
    softmax = attention.softmax
    probability = attention.probability
    output = attention.output
  }

  /// What only both halves together can get wrong.
  func check(_ reader: RecipeObject) throws {
    try checkOutput(reader)
    guard case .tensorCore = dot.order else { return }
    func stored(_ operand: RoundingChain, scaled: Bool) -> FloatingPointFormat? {
      operand.stored ?? (scaled ? logit.scaledOperand.stored : rotated.stored)
    }
    let operands = [
      stored(dot.queryOperand, scaled: logit.scaling.scalesOperands),
      stored(dot.keyOperand, scaled: logit.scaling == .onQueryAndKey),
    ]
    guard operands.allSatisfy({ $0?.isSubset(of: .fp32) == true }) else {
      throw reader.conflict(
        "dot", value: dot.order.spelling,
        expected: "operands stored in a format within fp32: give 'rotated' or the operands a format")
    }
  }
}

/// The stages from frequency to stored rotated vectors.
struct RotaryStages {
  static let names = [
    "inverseFrequency", "position", "angle", "trig", "table", "input", "rotation", "rotated",
  ]

  let inverseFrequency: Recipe.InverseFrequency
  let position: RoundingChain
  let angle: Recipe.Angle
  let trig: Recipe.Trig
  let table: RoundingChain
  let input: RoundingChain
  let rotation: Recipe.Rotation
  let rotated: RoundingChain

  init(_ reader: RecipeObject) throws {
    let frequency = try reader.object("inverseFrequency", keys: ["formula"] + Recipe.roundingKeys)
    inverseFrequency = Recipe.InverseFrequency(
      formula: try frequency.name("formula"), rounding: try frequency.chain())
    position = try reader.stageChain("position")
    let product = try reader.object("angle", keys: ["algorithm", "operands"] + Recipe.roundingKeys)
    angle = Recipe.Angle(
      algorithm: try product.optionalName("algorithm") ?? .product,
      operands: try product.optionalStageChain("operands"), rounding: try product.chain())
    if angle.algorithm == .iterated {
      guard inverseFrequency.formula == .powOfStep else {
        throw product.conflict(
          "algorithm", value: "iterated", expected: "the formula powOfStep with it, which makes the step")
      }
      guard angle.operands.isExact else {
        throw product.conflict("operands", value: "a format", expected: "no operands with algorithm iterated")
      }
    }
    let function = try reader.object("trig", keys: ["ulpBound", "ulpSeed"] + Recipe.roundingKeys)
    var model: Recipe.Trig.UlpModel?
    if function.values["ulpBound"] != nil || function.values["ulpSeed"] != nil {
      model = Recipe.Trig.UlpModel(
        bound: Int(try function.integer("ulpBound", in: 1...1000)),
        seed: try function.integer("ulpSeed", in: 0...UInt64.max))
    }
    trig = Recipe.Trig(ulpModel: model, rounding: try function.chain())
    if model != nil, trig.rounding.isExact {
      throw function.conflict(
        "ulpBound", value: "a number", expected: "a format beside it: exact results have no units")
    }
    table = try reader.stageChain("table")
    input = try reader.stageChain("input")
    let turn = try reader.object("rotation", keys: ["algorithm"] + Recipe.roundingKeys)
    rotation = Recipe.Rotation(algorithm: try turn.name("algorithm"), rounding: try turn.chain())
    rotated = try reader.stageChain("rotated")
  }
}

/// The stages from dot product to output.
struct AttentionStages {
  static let names = ["dot", "logit", "softmax", "probability", "output"]

  let dot: Recipe.Dot
  let logit: Recipe.Logit
  let softmax: Recipe.Softmax?
  let probability: RoundingChain
  let output: Recipe.Output?

  init(_ reader: RecipeObject) throws {
    dot = try Self.dot(
      reader.object("dot", keys: ["order", "queryOperand", "keyOperand"] + Recipe.roundingKeys))
    logit = try Self.logit(
      reader.object(
        "logit",
        keys: [
          "scaling", "storedScore", "scaleFactor", "scaledOperand", "log2e", "exponentFactor", "exponent",
          "softcap",
        ] + Recipe.roundingKeys))
    probability = try reader.stageChain("probability")
    let logit = logit
    softmax =
      reader.values["softmax"] == nil
      ? nil : try Recipe.Softmax(reader.object("softmax", keys: Recipe.Softmax.keys), logit: logit)
    let softmax = softmax
    if reader.values["output"] == nil, softmax.map({ $0.algorithm != .fullRow }) == true {
      throw reader.conflict(
        "output", value: "missing", expected: "the stage: an online softmax is normalized in it")
    }
    output =
      reader.values["output"] == nil
      ? nil : try Recipe.Output(reader.object("output", keys: Recipe.Output.keys), softmax: softmax)
  }

  private static func dot(_ reader: RecipeObject) throws -> Recipe.Dot {
    let text = try reader.string("order")
    guard let order = Recipe.Dot.Order(spelling: text) else {
      throw reader.invalid(
        "order",
        expected: "one of " + Recipe.Dot.Order.spellings.joined(separator: ", ")
          + " (lanes and neighbours are powers of two)"
          + didYouMean(nearestName(to: text, among: Recipe.Dot.Order.spellings)))
    }
    let accumulator = try reader.chain()
    guard (order == .exact) == accumulator.isExact else {
      throw reader.conflict(
        "order", value: "\(order.spelling) with format \(accumulator.summary)",
        expected: "order 'exact' and format 'exact' together")
    }
    if case .tensorCore = order {
      guard accumulator.formats.count == 1, accumulator.formats[0].precision <= 24,
        accumulator.rounding == .nearestEven
      else {
        throw reader.conflict(
          "order", value: "\(order.spelling) with format \(accumulator.summary)",
          expected: "one format of at most 24 bits, and no rounding beside it: the order states its own")
      }
    }
    return Recipe.Dot(
      order: order, queryOperand: try reader.optionalStageChain("queryOperand"),
      keyOperand: try reader.optionalStageChain("keyOperand"), rounding: accumulator)
  }

  private static func logit(_ reader: RecipeObject) throws -> Recipe.Logit {
    let scaling: Recipe.Logit.Scaling = try reader.optionalName("scaling") ?? .afterScore
    func only(_ key: String, with isNeeded: Bool, _ chain: () throws -> RoundingChain) throws -> RoundingChain
    {
      guard isNeeded || reader.values[key] == nil else {
        throw reader.conflict(
          key, value: "given", expected: "nothing with scaling \(scaling.rawValue), which does not use it")
      }
      return isNeeded ? try chain() : .exact
    }
    var logit = Recipe.Logit(
      scaling: scaling, storedScore: try reader.chain("storedScore"),
      scaleFactor: try reader.chain("scaleFactor"),
      scaledOperand: try only("scaledOperand", with: scaling.scalesOperands) {
        try reader.stageChain("scaledOperand")
      },
      log2e: try only("log2e", with: scaling == .insideExponential) { try reader.chain("log2e") },
      exponentFactor: try only("exponentFactor", with: scaling == .insideExponential) {
        try reader.chain("exponentFactor")
      },
      exponent: try only("exponent", with: scaling == .insideExponential) {
        reader.values["exponent"] == nil ? .exact : try reader.chain("exponent")
      },
      rounding: try reader.chain())
    if scaling == .onQueryAndKey, logit.scaledOperand.isExact {
      throw reader.conflict(
        "scaledOperand", value: "exact",
        expected: "a format: the product of two exact roots of the scale is not told from the scale")
    }
    if reader.values["softcap"] != nil {
      let softcap = try reader.object("softcap", keys: ["algorithm"] + Recipe.roundingKeys)
      let algorithm: Recipe.Logit.Softcap.Algorithm = try softcap.name("algorithm")
      if algorithm == .insteadOfScale, scaling != .afterScore, scaling != .insideExponential {
        throw softcap.conflict(
          "algorithm", value: algorithm.rawValue, expected: "scaling afterScore or insideExponential with it")
      }
      logit.softcap = Recipe.Logit.Softcap(algorithm: algorithm, rounding: try softcap.chain())
    }
    return logit
  }
}

extension Recipe {
  static let roundingKeys = ["format", "rounding", "seed"]
}

extension RecipeObject {
  /// The outermost object of a file.
  ///
  /// - Throws: ``RecipeError``.
  init(json: Data, origin: String, modelType: FloatingPointFormat? = nil) throws {
    guard String(validating: json, as: UTF8.self) != nil else {
      throw RecipeError.malformed(recipe: origin, reason: "not UTF-8 text; save the recipe as UTF-8")
    }
    do {
      let value = try json.withUnsafeBytes { try StrictJSON(parsing: $0) }
      guard case .object(let members) = value else {
        throw RecipeError.malformed(
          recipe: origin, reason: "found \(value.kindName); a recipe is a JSON object of stages")
      }
      self.init(recipe: origin, path: "", modelType: modelType, members)
    } catch StrictJSON.Fault.syntax(let expected, let offset) {
      throw RecipeError.malformed(
        recipe: origin, reason: "not valid JSON: expected \(expected) at byte \(offset)")
    } catch StrictJSON.Fault.duplicateKey(let key) {
      throw RecipeError.malformed(recipe: origin, reason: "'\(key)' is given twice; keep one of them")
    }
  }
}
