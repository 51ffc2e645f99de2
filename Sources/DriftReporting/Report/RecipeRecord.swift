// A recipe as JSON, in the form in which recipe files are read: what makes a report reproducible without the tool that wrote it.

import EmulatedEngine
import FloatingPointFormats

extension Recipe {
  /// The recipe as the JSON object that `Recipe(json:origin:)` reads back as this recipe.
  public var jsonValue: JSONValue {
    func object(_ chain: RoundingChain, _ first: [(String, JSONValue)] = []) -> JSONValue {
      .object(JSONObject(first + [("format", chain.formatJSON)] + chain.roundingJSON))
    }
    // What may be left out is left out where it rounds nothing.
    func optional(_ key: String, _ chain: RoundingChain) -> [(String, JSONValue)] {
      chain.isExact ? [] : [(key, object(chain))]
    }
    var value: JSONObject = ["name": .string(name), "summary": .string(summary), "source": .string(source)]
    value["inverseFrequency"] = object(
      inverseFrequency.rounding, [("formula", .string(inverseFrequency.formula.rawValue))])
    value["position"] = object(position)
    value["angle"] = object(
      angle.rounding,
      (angle.algorithm == .product ? [] : [("algorithm", .string(angle.algorithm.rawValue))])
        + optional("operands", angle.operands))
    value["trig"] = object(
      trig.rounding,
      trig.ulpModel.map {
        [("ulpBound", .integer($0.bound)), ("ulpSeed", .string(String($0.seed)))]
      } ?? [])
    value["table"] = object(table)
    value["input"] = object(input)
    value["rotation"] = object(rotation.rounding, [("algorithm", .string(rotation.algorithm.rawValue))])
    value["rotated"] = object(rotated)
    value["dot"] = object(
      dot.rounding,
      [("order", .string(dot.order.spelling))] + optional("queryOperand", dot.queryOperand)
        + optional("keyOperand", dot.keyOperand))
    value["logit"] = object(
      logit.rounding,
      (logit.scaling == .afterScore ? [] : [("scaling", .string(logit.scaling.rawValue))])
        + [("storedScore", logit.storedScore.formatJSON), ("scaleFactor", logit.scaleFactor.formatJSON)]
        + (logit.scaling.scalesOperands ? [("scaledOperand", object(logit.scaledOperand))] : [])
        + (logit.scaling == .insideExponential
          ? [
            ("log2e", logit.log2e.formatJSON), ("exponentFactor", logit.exponentFactor.formatJSON),
            ("exponent", logit.exponent.formatJSON),
          ] : [])
        + (logit.softcap.map {
          [("softcap", object($0.rounding, [("algorithm", .string($0.algorithm.rawValue))]))]
        } ?? []))
    if let softmax { value["softmax"] = softmax.jsonValue }
    value["probability"] = object(probability)
    if let output { value["output"] = output.jsonValue }
    return .object(value)
  }
}

extension RoundingChain {
  /// One name, a list of names, or `exact`.
  var formatJSON: JSONValue {
    if isExact { return "exact" }
    if formats.count == 1 { return .string(formats[0].spelling) }
    return .array(formats.map { .string($0.spelling) })
  }

  /// `rounding` and `seed`, where they are not the default.
  var roundingJSON: [(String, JSONValue)] {
    switch rounding {
    case .nearestEven: []
    case .stochastic(let seed):
      // A string: seeds above 2^53 would not survive every reader of JSON.
      [("rounding", .string(rounding.spelling)), ("seed", .string(String(seed)))]
    default: [("rounding", .string(rounding.spelling))]
    }
  }
}
