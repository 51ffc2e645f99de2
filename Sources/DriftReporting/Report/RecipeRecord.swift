// A recipe as JSON, in the form in which recipe files are read: what makes a report reproducible without the tool that wrote it.

import EmulatedEngine
import FloatingPointFormats

extension JSONValue {
  /// The recipe, stage by stage; reading it back gives an equal recipe.
  public init(_ recipe: Recipe) {
    self = .object([
      "name": .string(recipe.name),
      "summary": .string(recipe.summary),
      "source": .string(recipe.source),
      "inverseFrequency": Self.stage(
        recipe.inverseFrequency.rounding, ["formula": .string(recipe.inverseFrequency.formula.rawValue)]),
      "position": Self.stage(recipe.position),
      "angle": Self.stage(recipe.angle),
      "trig": Self.stage(recipe.trig),
      "table": Self.stage(recipe.table),
      "input": Self.stage(recipe.input),
      "rotation": Self.stage(
        recipe.rotation.rounding, ["algorithm": .string(recipe.rotation.algorithm.rawValue)]),
      "rotated": Self.stage(recipe.rotated),
      "dot": Self.stage(recipe.dot.rounding, ["order": .string(recipe.dot.order.rawValue)]),
      "logit": Self.stage(
        recipe.logit.rounding,
        [
          "storedScore": formats(recipe.logit.storedScore), "scaleFactor": formats(recipe.logit.scaleFactor),
        ]),
      "probability": Self.stage(recipe.probability),
    ])
  }

  private static func stage(_ chain: RoundingChain, _ choices: JSONObject = [:]) -> JSONValue {
    var object = choices
    object["format"] = formats(chain)
    if chain.rounding != .nearestEven { object["rounding"] = .string(chain.rounding.spelling) }
    if case .stochastic(let seed) = chain.rounding { object["seed"] = .integer(Int(bitPattern: UInt(seed))) }
    return .object(object)
  }
}

private func formats(_ chain: RoundingChain) -> JSONValue {
  let names = chain.formats.map { JSONValue.string($0.spelling) }
  return names.isEmpty ? "exact" : names.count == 1 ? names[0] : .array(names)
}
