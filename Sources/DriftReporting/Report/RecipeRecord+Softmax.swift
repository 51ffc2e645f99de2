// The softmax and output stages of a recipe as JSON, in the form in which recipe files are read.

import EmulatedEngine
import FloatingPointFormats

extension Recipe.Softmax {
  /// The stage as ``Recipe/jsonValue`` holds it.
  var jsonValue: JSONValue {
    var members: [(String, JSONValue)] = []
    switch algorithm {
    case .fullRow: members.append(("algorithm", "fullRow"))
    case .online(let tile, let order):
      members += [
        ("algorithm", "online"), ("tile", tile.jsonValue), ("tileOrder", .string(order.spelling)),
      ]
    }
    members.append(("exponential", .string(exponential.rawValue)))
    if !log2e.isExact { members.append(("log2e", log2e.formatJSON)) }
    if exponential != .exp { members.append(("exponent", exponent.formatJSON)) }
    members.append(("difference", difference.formatJSON))
    var sumMembers: [(String, JSONValue)] = [("order", .string(sum.order.spelling))]
    if sum.laneWidth != 1 { sumMembers.append(("laneWidth", .integer(sum.laneWidth))) }
    if algorithm != .fullRow { sumMembers.append(("tiles", .string(sum.tiles.rawValue))) }
    members.append(("sum", sum.rounding.object(sumMembers)))
    if let normalization { members.append(("normalization", normalization.jsonValue)) }
    return rounding.object(members)
  }
}

extension Recipe.Softmax.TileSize {
  fileprivate var jsonValue: JSONValue {
    if upTo.isEmpty { return .integer(otherwise) }
    return .object(
      JSONObject(
        upTo.map { (String($0.headSize), .integer($0.tile)) } + [("otherwise", .integer(otherwise))]))
  }
}

extension Recipe.Normalization {
  fileprivate var jsonValue: JSONValue {
    rounding.object(
      [("algorithm", .string(algorithm.rawValue))]
        + (algorithm == .reciprocal ? [("reciprocal", reciprocal.formatJSON)] : []))
  }
}

extension Recipe.Output {
  /// The stage as ``Recipe/jsonValue`` holds it.
  var jsonValue: JSONValue {
    var members: [(String, JSONValue)] = [("order", .string(order.spelling))]
    if !probabilityOperand.isExact { members.append(("probabilityOperand", probabilityOperand.object([]))) }
    if !valueOperand.isExact { members.append(("valueOperand", valueOperand.object([]))) }
    members.append(("accumulator", accumulator.formatJSON))
    if let normalization {
      members += [("rescaling", rescaling.formatJSON), ("normalization", normalization.jsonValue)]
    }
    return rounding.object(members)
  }
}

extension RoundingChain {
  /// Some members with the chain's own after them.
  fileprivate func object(_ first: [(String, JSONValue)]) -> JSONValue {
    .object(JSONObject(first + [("format", formatJSON)] + roundingJSON))
  }
}
