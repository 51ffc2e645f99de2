// Halves of recipes: the rotary half of one implementation and the attention half of another make a recipe in a model type.

import FloatingPointFormats
import Foundation

/// The rotary half or the attention half of an implementation's arithmetic, for every model type that it runs in.
///
/// A part is written like a recipe, with "model" for the model's type. A part whose arithmetic is not known bit by bit has a
/// `refused` reason and no stages.
public struct RecipePart: Sendable {
  /// Which half.
  public enum Kind: String, Sendable, CaseIterable {
    /// From frequency to stored rotated vectors.
    case rotary
    /// From dot product to probability.
    case attention
  }
  /// Which half.
  public let kind: Kind
  /// The name a user types.
  public let name: String
  /// One sentence.
  public let summary: String
  /// Repository, path and revision that it was read from.
  public let source: String
  /// The model types that the implementation runs in, spelled.
  public let types: [String]
  /// The layouts that the implementation has; empty for attention. Arithmetic does not depend on them.
  public let layouts: [String]
  /// For a rotary half, the attention half that its short names take.
  public let attention: String?
  /// Why it is not emulated; nil where it is.
  public let refusal: String?
  private let json: Data
  /// What stands in the file of a half and never in that of a recipe.
  static let keysOfItsOwn = ["types", "layouts", "attention", "refused"]

  init(kind: Kind, json: Data, origin: String) throws {
    self.kind = kind
    self.json = json
    let reader = try RecipeObject(json: json, origin: origin, modelType: .fp32)
    name = try reader.string("name")
    summary = try reader.string("summary")
    source = try reader.string("source")
    types = try reader.strings("types")
    layouts = kind == .rotary ? try reader.strings("layouts") : []
    attention = kind == .rotary ? try reader.string("attention") : nil
    refusal = reader.values["refused"] == nil ? nil : try reader.string("refused")
    let common = ["name", "summary", "source", "types"] + (kind == .rotary ? ["layouts", "attention"] : [])
    let stages = kind == .rotary ? RotaryStages.names : AttentionStages.names
    try reader.allow(common + (refusal == nil ? stages : ["refused"]))
  }

  /// The names that stand for this rotary half with the attention half that goes with it, one a type that both run in.
  public var shortNames: [String] {
    guard let attention, refusal == nil, let other = try? RecipePart.named(attention, .attention) else {
      return []
    }
    return types.filter(other.types.contains).map { "\(name)-\($0)" }
  }

  /// Why a type is not to be had; nil where it is.
  func objection(to type: String) -> RecipeError? {
    if let refusal { return .refused(part: name, reason: refusal) }
    return types.contains(type) ? nil : .typeNotAvailable(part: name, type: type, available: types)
  }

  func reader(_ type: FloatingPointFormat) throws -> RecipeObject {
    try RecipeObject(json: json, origin: name, modelType: type)
  }
}

extension Recipe {
  /// The recipe of two halves in a model type, named ROTARY/ATTENTION/TYPE.
  ///
  /// - Throws: ``RecipeError`` where a half does not run in the type or is not emulated.
  public init(rotary: RecipePart, attention: RecipePart, type: String) throws {
    for part in [rotary, attention] {
      if let objection = part.objection(to: type) { throw objection }
    }
    let format = try FloatingPointFormat(spelling: type)
    let reader = try attention.reader(format)
    self.init(
      name: "\(rotary.name)/\(attention.name)/\(type)", summary: "\(rotary.summary) \(attention.summary)",
      source: "\(rotary.source); \(attention.source)", rotary: try RotaryStages(rotary.reader(format)),
      attention: try AttentionStages(reader))
    try check(reader)
  }
}
