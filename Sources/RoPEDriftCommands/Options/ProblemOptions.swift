// The mathematical problem from an input's metadata and from flags. Flags win. A layout or a base that neither says is an error,
// never a guess; a rotary size that neither says is the head size, as the metadata's definition has it.

import ArgumentParser
import RoPEDrift

/// `--base`, `--rotary-size`, `--scaling`: what the frequencies depend on.
public struct FrequencyOptions: ParsableArguments {
  /// The base.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Base of the frequencies; overrides the input's rope.base.", valueName: "b"),
    transform: NumberLiteral.init)
  public var base: NumberLiteral?
  /// The number of rotated channels.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Rotated channels of a head; overrides the input's rope.rotary_size. Neither: all channels.",
      valueName: "r"))
  public var rotarySize: Int?
  /// Frequency scaling, as typed.
  @Option(
    help: ArgumentHelp(
      "Frequency scaling, as linear:factor=4 or llama3:factor=8,low=1,high=4,original=8192; overrides rope.scaling.",
      discussion: "Known: "
        + RotaryScaling.rules.map { rule in
          ([rule.name] + (rule.keys.isEmpty ? [] : [rule.keys.map { $0.key }.joined(separator: ", ")]))
            .joined(separator: ": ")
        }.joined(separator: "; ") + ".",
      valueName: "scaling"))
  public var scaling: String?

  /// For the parser.
  public init() {}

  /// The problem of an input with the default scale, where the layout is known or does not matter.
  ///
  /// - Throws: ``CommandFailure``.
  func resolve(for input: AttentionInput, layout: RotaryLayout) throws -> ResolvedProblem {
    let resolver = MetadataResolver(input: input)
    return ResolvedProblem(
      layout: layout, base: try resolver.base(flag: base).value,
      rotarySize: try resolver.rotarySize(flag: rotarySize), scale: .inverseSquareRootOfHeadSize,
      scaling: try resolver.scaling(flag: scaling), usesStoredFrequencies: false, owner: input.spelling)
  }
}

/// The options that state a problem: ``FrequencyOptions``, `--layout`, `--scale`, `--stored-frequencies`.
public struct ProblemOptions: ParsableArguments {
  /// Base, rotary size, scaling.
  @OptionGroup public var frequencies: FrequencyOptions
  /// Layout, as typed.
  @Option(
    help: ArgumentHelp(
      "Pairing of channels: half-split or interleaved; overrides the input's rope.layout.",
      valueName: "layout"))
  public var layout: String?
  /// The attention scale; nil for 1/sqrt(head size).
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What multiplies q·k; 1/sqrt(head size) if left out.", valueName: "s"),
    transform: NumberLiteral.init)
  public var scale: NumberLiteral?
  /// Whether the reference takes a recipe's rounded frequencies as exact reals.
  @Flag(
    help:
      "Let the exact score take the recipe's stored frequencies as exact reals, which leaves out their error."
  )
  public var storedFrequencies = false

  /// For the parser.
  public init() {}

  /// The problem of an input under these flags. A flag that contradicts the metadata is noted on the current console.
  ///
  /// - Throws: ``CommandFailure``: wrong usage where a flag is to blame, else a failure that names the file.
  public func resolve(for input: AttentionInput) throws -> ResolvedProblem {
    let layout = try MetadataResolver(input: input).layout(flag: layout).value
    var resolved = try frequencies.resolve(for: input, layout: layout)
    if let scale { resolved.scale = try AttentionScale(literal: scale) }
    resolved.usesStoredFrequencies = storedFrequencies
    return resolved
  }
}

/// A value and whether a flag gave it.
struct Sourced<Value: Sendable>: Sendable {
  var value: Value
  var isFromFlag: Bool
}

/// A problem whose head size is still open, because layers may differ in it.
public struct ResolvedProblem: Sendable {
  /// Pairing of channels.
  public let layout: RotaryLayout
  /// b, exactly as written.
  public let base: NumberLiteral
  /// r; nil where neither flag nor metadata says it, and then all channels rotate.
  let rotarySize: Sourced<Int>?
  /// What multiplies q·k.
  public internal(set) var scale: AttentionScale
  /// How the frequencies are scaled.
  let scaling: Sourced<RotaryScaling>
  /// Whether the reference takes a recipe's stored frequencies as exact reals.
  public internal(set) var usesStoredFrequencies: Bool
  /// What the input is called in messages.
  let owner: String

  /// The embedding of heads of a size.
  ///
  /// - Throws: ``CommandFailure`` where the rotary size does not fit.
  public func embedding(headSize: Int) throws -> RotaryEmbedding {
    do {
      return try RotaryEmbedding(
        headSize: headSize, rotarySize: rotarySize?.value, base: base, layout: layout,
        scaling: scaling.value)
    } catch let error as ProblemError {
      throw scaling.isFromFlag || rotarySize?.isFromFlag ?? false
        ? CommandFailure(.wrongUsage, error.description)
        : CommandFailure(.failed, "\(owner): \(error.description)")
    }
  }

  /// The exact problem of heads of a size; with ``usesStoredFrequencies``, at the frequencies that a recipe stores.
  ///
  /// - Throws: ``CommandFailure``, ``UndecidedRounding``.
  public func reference(headSize: Int, storedFrequenciesOf recipe: Recipe) throws -> ReferenceProblem {
    let embedding = try embedding(headSize: headSize)
    guard usesStoredFrequencies else { return try ReferenceProblem(embedding: embedding, scale: scale) }
    let units = try recipe.frequencies(of: embedding).enumerated().map { pair, frequency in
      guard let exact = frequency.exactReal else {
        throw CommandFailure(
          .failed,
          "recipe \(recipe.name): the stored frequency of pair \(pair) is not finite, so it has no exact score; leave out --stored-frequencies"
        )
      }
      return exact
    }
    let angles = ExactAngles(units: units) { position, _ in Rational(position) }
    return try ReferenceProblem(embedding: embedding, scale: scale, angles: angles)
  }

  /// The scale in words: `1/sqrt(head size)` or what was typed.
  public var scaleInWords: String {
    switch scale {
    case .inverseSquareRootOfHeadSize: "1/sqrt(head size)"
    case .value(let literal): literal.text
    }
  }
}

/// Metadata beside flags, one field at a time.
struct MetadataResolver {
  let input: AttentionInput

  func layout(flag: String?) throws -> Sourced<RotaryLayout> {
    let known = RotaryLayout.allCases.map(\.rawValue)
    let list = known.joined(separator: " or ")
    return try field(AttentionInput.Metadata.layout, flag: "--layout", typed: flag, list: list) { text in
      RotaryLayout(rawValue: text)
    } invalid: { text in
      "is '\(text)'\(didYouMean(nearestName(to: text, among: known))), expected \(list)"
    }
  }

  func base(flag: NumberLiteral?) throws -> Sourced<NumberLiteral> {
    try field(AttentionInput.Metadata.base, flag: "--base", typed: flag?.text, list: "a number such as 10000")
    {
      text in
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

  func rotarySize(flag: Int?) throws -> Sourced<Int>? {
    if flag == nil, input.metadata[AttentionInput.Metadata.rotarySize] == nil { return nil }
    return try field(
      AttentionInput.Metadata.rotarySize, flag: "--rotary-size", typed: flag.map(String.init),
      list: "an even number"
    ) { text in
      Int(text)
    } invalid: { text in
      "is '\(text)', expected an integer"
    }
  }

  /// The scaling; none where neither says one.
  func scaling(flag: String?) throws -> Sourced<RotaryScaling> {
    let stored = input.metadata[AttentionInput.Metadata.scaling]
    if let flag {
      let scaling = try RotaryScaling(spelling: flag)
      if let stored, (try? RotaryScaling(spelling: stored)) != scaling {
        noteOverride("--scaling \(flag)", AttentionInput.Metadata.scaling, stored)
      }
      return Sourced(value: scaling, isFromFlag: true)
    }
    guard let stored else { return Sourced(value: .none, isFromFlag: false) }
    do {
      return Sourced(value: try RotaryScaling(spelling: stored), isFromFlag: false)
    } catch let error as ProblemError {
      throw CommandFailure(
        .failed,
        "\(input.spelling): \(AttentionInput.Metadata.scaling): \(error.description); override it with --scaling"
      )
    }
  }

  private func noteOverride(_ flag: String, _ key: String, _ stored: String) {
    Console.current.note("\(flag) overrides \(key) '\(stored)' of \(input.spelling)")
  }

  private func field<Value: Equatable & Sendable>(
    _ key: String, flag: String, typed: String?, list: String, _ parse: (String) -> Value?,
    invalid: (String) -> String, same: (Value, Value) -> Bool = { $0 == $1 }
  ) throws -> Sourced<Value> {
    let stored = input.metadata[key]
    if let typed {
      guard let value = parse(typed) else { throw CommandFailure(.wrongUsage, "\(flag) \(invalid(typed))") }
      if let stored, parse(stored).map({ !same($0, value) }) ?? true {
        noteOverride("\(flag) \(typed)", key, stored)
      }
      return Sourced(value: value, isFromFlag: true)
    }
    guard let stored else {
      throw CommandFailure(
        .failed, "\(input.spelling): the metadata has no \(key); say it with \(flag), \(list)")
    }
    guard let value = parse(stored) else {
      throw CommandFailure(.failed, "\(input.spelling): \(key) \(invalid(stored)); override it with \(flag)")
    }
    return Sourced(value: value, isFromFlag: false)
  }
}
