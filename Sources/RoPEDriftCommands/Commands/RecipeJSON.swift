// Recipes as a JSON tree that reads back: for `recipes --json`, and for reports that keep their recipes in full.

import RoPEDrift

extension Recipe {
  /// The recipe as the JSON object that `Recipe(json:origin:)` reads back as this recipe.
  public var jsonValue: JSONValue {
    func object(_ chain: RoundingChain, _ first: (String, JSONValue)...) -> JSONValue {
      .object(JSONObject(first + [("format", chain.formatJSON)] + chain.roundingJSON))
    }
    var value: JSONObject = ["name": .string(name), "summary": .string(summary), "source": .string(source)]
    value["inverseFrequency"] = object(
      inverseFrequency.rounding, ("formula", .string(inverseFrequency.formula.rawValue)))
    value["position"] = object(position)
    value["angle"] = object(angle)
    value["trig"] = object(trig)
    value["table"] = object(table)
    value["input"] = object(input)
    value["rotation"] = object(rotation.rounding, ("algorithm", .string(rotation.algorithm.rawValue)))
    value["rotated"] = object(rotated)
    value["dot"] = object(dot.rounding, ("order", .string(dot.order.rawValue)))
    value["logit"] = object(
      logit.rounding, ("storedScore", logit.storedScore.formatJSON),
      ("scaleFactor", logit.scaleFactor.formatJSON))
    value["probability"] = object(probability)
    return .object(value)
  }

  /// What each stage does, in the order in which data passes them.
  var stagesInWords: [(stage: String, words: String)] {
    chains.map { stage, chain in
      switch stage {
      case "inverseFrequency": (stage, "\(chain.summary); \(inverseFrequency.formula.rawValue)")
      case "rotation": (stage, "\(chain.summary); \(rotation.algorithm.rawValue)")
      case "dot": (stage, dot.order == .exact ? "exact" : "\(chain.summary); \(dot.order.rawValue)")
      default: (stage, chain.summary)
      }
    }
  }
}

extension RoundingChain {
  /// One name, a list of names, or `exact`.
  fileprivate var formatJSON: JSONValue {
    if isExact { return "exact" }
    if formats.count == 1 { return .string(formats[0].spelling) }
    return .array(formats.map { .string($0.spelling) })
  }

  /// `rounding` and `seed`, where they are not the default.
  fileprivate var roundingJSON: [(String, JSONValue)] {
    switch rounding {
    case .nearestEven: []
    case .stochastic(let seed):
      // A seed above Int's range is written as the negative number of the same 64 bits, and read back as them.
      [("rounding", .string(rounding.spelling)), ("seed", .integer(Int(truncatingIfNeeded: seed)))]
    default: [("rounding", .string(rounding.spelling))]
    }
  }
}
