// The set-up of a case: numbers as published, embeddings, and the arithmetic in which a table is made.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// An embedding of a set-up and its exact frequencies.
public struct CaseEmbedding: Sendable {
  /// Sizes, base, scaling; the head is the rotary part.
  public let embedding: RotaryEmbedding
  /// ω_i.
  public let frequencies: [ExactReal]

  init(_ object: CaseObject) throws {
    try object.allow(["rotarySize", "base", "scaling"])
    do {
      embedding = try RotaryEmbedding(
        headSize: object.integer("rotarySize", in: 2...65536), base: object.literal("base"),
        layout: .halfSplit,
        scaling: object.optionalString("scaling").map { try RotaryScaling(spelling: $0) } ?? .none)
      frequencies = try embedding.exactFrequencies()
    } catch let error as ProblemError {
      throw CaseError.malformed(file: object.file, reason: "\(object.path): \(error)")
    }
  }

  /// p·ω_i.
  func exactAngle(position: Int, pair: Int) -> ExactReal {
    ExactReal(Rational(position)) * frequencies[pair]
  }
}

/// An arithmetic in which cos and sin of rotary angles are made, stage by stage.
public struct CaseTable: Sendable {
  /// The embedding.
  public let embedding: CaseEmbedding
  /// The stages from frequency to table; those after it are not used.
  public let emulation: Emulation

  var recipe: Recipe { emulation.recipe }

  init(_ object: CaseObject, name: String, embeddings: [(name: String, value: CaseEmbedding)]) throws {
    try object.allow(["embedding", "frequency", "position", "angle", "trig", "table"])
    embedding = try CaseNames(
      setup: CaseSetup(numbers: [], embeddings: embeddings, tables: []), values: []
    ).embedding(object)
    let frequency = try object.object("frequency")
    try frequency.allow(["formula", "format", "rounding"])
    var recipe = try RecipeRegistry.named("fp32")
    recipe.name = name
    recipe.inverseFrequency = Recipe.InverseFrequency(
      formula: try frequency.name("formula"), rounding: try frequency.chain())
    recipe.position = try object.stage("position")
    recipe.angle.rounding = try object.stage("angle")
    recipe.trig.rounding = try object.stage("trig")
    recipe.table = try object.stage("table")
    do {
      emulation = try Emulation(
        recipe: recipe, embedding: embedding.embedding, scale: .inverseSquareRootOfHeadSize)
    } catch let error as ProblemError {
      throw CaseError.malformed(file: object.file, reason: "\(object.path): \(error)")
    }
  }
}

extension CaseTable {
  /// Whether the stored angle is p·ω itself. No precision could tell the difference of two such angles, or of their cosines, from
  /// zero: where this holds it must not be computed.
  func angleIsExact(position: Int, pair: Int) throws -> Bool {
    if recipe.inverseFrequency.rounding.isExact, recipe.angle.rounding.isExact {
      let stored = try recipe.position.stored(.real(ExactReal(Rational(position)))).value
      return stored.exactReal?.rational == Rational(position)
    }
    guard let angle = try emulation.angle(position: position, pair: pair).exactReal else { return false }
    return ExactReal.sum([angle, -embedding.exactAngle(position: position, pair: pair)]).isZero
  }
}

/// The set-up of a case.
public struct CaseSetup: Sendable {
  /// Numbers exactly as written, by name.
  public let numbers: [(name: String, value: CaseValue)]
  /// Embeddings by name.
  public let embeddings: [(name: String, value: CaseEmbedding)]
  /// Arithmetics of tables by name.
  public let tables: [(name: String, value: CaseTable)]

  init(
    numbers: [(name: String, value: CaseValue)], embeddings: [(name: String, value: CaseEmbedding)],
    tables: [(name: String, value: CaseTable)]
  ) {
    (self.numbers, self.embeddings, self.tables) = (numbers, embeddings, tables)
  }

  init(_ object: CaseObject) throws {
    try object.allow(["numbers", "embeddings", "tables"])
    let given = object.has("numbers") ? try object.object("numbers") : nil
    numbers = try (given?.members ?? []).map { member in
      guard let first = member.key.unicodeScalars.first, first.properties.isAlphabetic,
        !member.key.contains(".")
      else {
        throw given!.invalid(
          member.key, "a name", expected: "names of numbers that begin with a letter and hold no '.'")
      }
      let (literals, isList) = try given!.literals(member.key)
      let values = literals.map(CaseNumber.init)
      return (member.key, isList ? CaseValue(list: values) : CaseValue(values[0]))
    }
    let embeddings = try object.named("embeddings").map { ($0.name, try CaseEmbedding($0.object)) }
    self.embeddings = embeddings.map { (name: $0.0, value: $0.1) }
    let known = self.embeddings
    let tables = try object.named("tables").map {
      (name: $0.name, value: try CaseTable($0.object, name: $0.name, embeddings: known))
    }
    self.tables = tables
    var names: Set<String> = []
    for name in numbers.map(\.name) + known.map(\.name) + tables.map(\.name)
    where !names.insert(name).inserted {
      throw CaseError.malformed(
        file: object.file, reason: "'\(name)' is the name of two things in the set-up; rename one of them")
    }
  }
}
