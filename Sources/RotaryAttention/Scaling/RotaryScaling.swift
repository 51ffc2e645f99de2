// The scalings by name, and their spelling `name:key=value,…`.

import FloatingPointFormats

/// A scaling of rotary frequencies with its parameters; equal where the spelling is.
public struct RotaryScaling: Sendable, Hashable, CustomStringConvertible {
  /// The scalings there are, in the order in which they are listed.
  public static let rules: [any ScalingRule.Type] = [
    DefaultScaling.self, LinearScaling.self, DynamicScaling.self, NTKScaling.self, YarnScaling.self,
    LongRopeScaling.self, Llama3Scaling.self, ProportionalScaling.self,
  ]

  /// No scaling.
  public static let none = try! RotaryScaling(spelling: DefaultScaling.name)

  /// The rule with its parameters.
  public let rule: any ScalingRule
  /// The normalised spelling.
  public let spelling: String

  /// Reads `name` or `name:key=value,…`; `none` is `default`.
  ///
  /// - Throws: ``ProblemError/scaling(_:)``.
  public init(spelling typed: String) throws {
    let parts = typed.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts[0] == "none" ? DefaultScaling.name : String(parts[0])
    let names = Self.rules.map { $0.name }
    guard let type = Self.rules.first(where: { $0.name == name }) else {
      throw ProblemError.scaling(
        "unknown scaling '\(name)'\(didYouMean(nearestName(to: name, among: names))); known are "
          + names.joined(separator: ", "))
    }
    let keys = type.keys.map(\.key)
    var values: [String: String] = [:]
    for item in parts.count > 1 ? parts[1].split(separator: ",", omittingEmptySubsequences: false) : [] {
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard pair.count == 2 else {
        throw ProblemError.scaling(
          "\(name): '\(item)' is not key=value; keys are \(keys.joined(separator: ", "))")
      }
      guard keys.contains(pair[0]) else {
        throw ProblemError.scaling(
          "\(name) has no '\(pair[0])'\(didYouMean(nearestName(to: pair[0], among: keys))); its keys are "
            + keys.joined(separator: ", "))
      }
      guard values.updateValue(pair[1], forKey: pair[0]) == nil else {
        throw ProblemError.scaling("\(name): \(pair[0]) is given twice")
      }
    }
    var parameters = ScalingParameters(scaling: name, values: values)
    rule = try type.init(&parameters)
    let ordered = keys.compactMap { key in values[key].map { "\(key)=\($0)" } }
    spelling = ordered.isEmpty ? name : name + ":" + ordered.joined(separator: ",")
  }

  /// Whether frequencies are b^(−2i/r) and f = 1.
  public var isDefault: Bool { rule is DefaultScaling }

  /// The spelling.
  public var description: String { spelling }

  /// Whether two spellings are the same.
  public static func == (a: RotaryScaling, b: RotaryScaling) -> Bool { a.spelling == b.spelling }

  /// Hashes the spelling.
  public func hash(into hasher: inout Hasher) { hasher.combine(spelling) }
}
