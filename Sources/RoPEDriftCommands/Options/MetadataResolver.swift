// One field of the problem at a time: what a flag, a model and an input's metadata say of it, and who wins.

import RoPEDrift

/// Metadata beside flags and a model.
struct MetadataResolver {
  let input: AttentionInput
  let model: ChosenModel?

  func layout(flag: String?) throws -> Sourced<RotaryLayout> {
    let known = RotaryLayout.allCases.map(\.rawValue)
    let list = known.joined(separator: " or ")
    return try field(
      .layout, AttentionInput.Metadata.layout, typed: flag, offered: model?.model.layout?.rawValue, list: list
    ) { text in
      RotaryLayout(rawValue: text)
    } invalid: { text in
      "is '\(text)'\(didYouMean(nearestName(to: text, among: known))), expected \(list)"
    }
  }

  func base(flag: NumberLiteral?) throws -> Sourced<NumberLiteral> {
    try field(
      .base, AttentionInput.Metadata.base, typed: flag?.text, offered: model?.layer.base?.text,
      list: "a number such as 10000"
    ) { text in
      guard let literal = try? NumberLiteral(text), let value = Rational(literal), value.sign > 0 else {
        return nil
      }
      return literal
    } invalid: { text in
      "is '\(text)', expected a finite number above zero"
    } same: { a, b in
      Rational(a) == Rational(b)
    }
  }

  /// The rotary size; nil where nobody says it or the model says that all channels rotate.
  func rotarySize(flag: Int?) throws -> Sourced<Int>? {
    let key = AttentionInput.Metadata.rotarySize
    let stored = input.metadata[key]
    if flag == nil, let model, model.layer.rotaryPart == .wholeHead, model.layer.headSize == nil {
      if let stored { note("model \(model.name), in which all channels rotate,", overrides: key, stored) }
      return nil
    }
    if flag == nil, stored == nil, model == nil { return nil }
    return try field(
      .rotarySize, key, typed: flag.map(String.init), offered: model?.layer.rotarySize.map(String.init),
      list: "an even number"
    ) { text in
      Int(text)
    } invalid: { text in
      "is '\(text)', expected an integer"
    }
  }

  /// The scaling; none where neither a flag nor the metadata says one and there is no model.
  func scaling(flag: String?) throws -> Sourced<RotaryScaling> {
    let key = AttentionInput.Metadata.scaling
    let stored = input.metadata[key]
    if let flag {
      let scaling = try RotaryScaling(spelling: flag)
      if let stored, (try? RotaryScaling(spelling: stored)) != scaling {
        note("--scaling \(flag)", overrides: key, stored)
      }
      return Sourced(value: scaling, isFromFlag: true)
    }
    if let model, let scaling = try model.scaling() {
      if let stored, (try? RotaryScaling(spelling: stored)) != scaling {
        note("model \(model.name), scaling \(scaling.rule.nameInWords),", overrides: key, stored)
      }
      return Sourced(value: scaling, isFromFlag: true)
    }
    guard let stored else {
      if let model { throw model.missing(.scaling) }
      return Sourced(value: .none, isFromFlag: false)
    }
    do {
      return Sourced(value: try RotaryScaling(spelling: stored), isFromFlag: false)
    } catch let error as ProblemError {
      throw CommandFailure(
        .failed, "\(input.spelling): \(key): \(error.description); override it with --scaling")
    }
  }

  private func note(_ giver: String, overrides key: String, _ stored: String) {
    Console.current.note("\(giver) overrides \(key) '\(stored)' of \(input.spelling)")
  }

  /// - Parameters:
  ///   - typed: what a flag says.
  ///   - offered: what the model says.
  private func field<Value: Equatable & Sendable>(
    _ name: OpenField.Name, _ key: String, typed: String?, offered: String?, list: String,
    _ parse: (String) -> Value?, invalid: (String) -> String, same: (Value, Value) -> Bool = { $0 == $1 }
  ) throws -> Sourced<Value> {
    let stored = input.metadata[key]
    if let given = typed ?? offered {
      guard let value = parse(given) else {
        throw CommandFailure(.wrongUsage, "\(name.flag) \(invalid(given))")
      }
      if let stored, parse(stored).map({ !same($0, value) }) ?? true {
        note(
          typed == nil ? "model \(model!.name), \(name.rawValue) \(given)," : "\(name.flag) \(given)",
          overrides: key, stored)
      }
      return Sourced(value: value, isFromFlag: true)
    }
    guard let stored else {
      if let model { throw model.missing(name) }
      throw CommandFailure(
        .failed, "\(input.spelling): the metadata has no \(key); say it with \(name.flag), \(list)")
    }
    guard let value = parse(stored) else {
      throw CommandFailure(
        .failed, "\(input.spelling): \(key) \(invalid(stored)); override it with \(name.flag)")
    }
    return Sourced(value: value, isFromFlag: false)
  }
}

extension ScalingRule {
  /// The rule's name; parameters may be lists of a hundred numbers.
  fileprivate var nameInWords: String { Self.name }
}
