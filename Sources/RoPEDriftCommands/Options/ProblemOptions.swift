// The mathematical problem from an input's metadata, from a model and from flags. Flags win over the model, the model over the
// metadata. A layout or a base that none says is an error, never a guess; a rotary size that none says is the head size, as the
// metadata's definition has it.

import ArgumentParser
import RoPEDrift

/// `--model`, `--layer-type`, `--sequence-length`, `--base`, `--rotary-size`, `--scaling`: what the frequencies depend on.
public struct FrequencyOptions: ParsableArguments {
  /// The model, as typed.
  @Option(
    help: ArgumentHelp(
      "A model by name ('ropedrift models' lists them) or a Hugging Face config.json; says what other flags leave out.",
      valueName: "name|config.json"), completion: .models)
  public var model: String?
  /// The kind of its layers, as typed.
  @Option(
    help: ArgumentHelp(
      "Which layers of a model whose layers differ: full, sliding, or the name in its config.json.",
      valueName: "type"))
  public var layerType: String?
  /// The length of the sequence, as typed.
  @Option(
    help: ArgumentHelp(
      "Length of the sequence in tokens, for a model whose frequencies depend on it (dynamic, longrope).",
      valueName: "n"))
  public var sequenceLength: Int?
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
      valueName: "scaling"), completion: .scalings)
  public var scaling: String?

  /// For the parser.
  public init() {}

  /// For the parser.
  public func validate() throws {
    guard model == nil else { return }
    if layerType != nil { throw ValidationError("--layer-type chooses layers of a --model; add one") }
    if sequenceLength != nil {
      throw ValidationError(
        "--sequence-length is for a --model; in --scaling it is length=, as dynamic:factor=4,length=32768,max=8192"
      )
    }
  }

  /// The model, where frequencies are all that matters.
  ///
  /// - Throws: ``ModelError``, ``CommandFailure``.
  func modelOfFrequencies() throws -> ChosenModel? {
    let chosen = try chosenModel { [$0.headSize, $0.rotaryPart, $0.base, $0.scaling] }
    try chosen?.checkLength(scalingFlag: scaling)
    return chosen
  }

  /// The problem of an input with the default scale, where the layout is known or does not matter.
  ///
  /// - Throws: ``CommandFailure``.
  func resolve(for input: AttentionInput, layout: RotaryLayout, model: ChosenModel?) throws -> ResolvedProblem
  {
    let resolver = MetadataResolver(input: input, model: model)
    return ResolvedProblem(
      layout: layout, base: try resolver.base(flag: base).value,
      rotarySize: try resolver.rotarySize(flag: rotarySize), scale: .inverseSquareRootOfHeadSize,
      scaling: try resolver.scaling(flag: scaling), usesStoredFrequencies: false,
      softcap: model?.model.softcap,
      window: model?.layer.window, owner: input.spelling)
  }
}

/// The options that state a problem: ``FrequencyOptions``, `--layout`, `--scale`, `--softcap`, `--stored-frequencies`.
public struct ProblemOptions: ParsableArguments {
  /// Base, rotary size, scaling.
  @OptionGroup public var frequencies: FrequencyOptions
  /// Layout, as typed.
  @Option(
    help: ArgumentHelp(
      "Pairing of channels: half-split or interleaved; overrides the input's rope.layout.",
      valueName: "layout"), completion: .layouts)
  public var layout: String?
  /// The attention scale; nil for 1/sqrt(head size).
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What multiplies q·k; 1/sqrt(head size) if left out.", valueName: "s"),
    transform: NumberLiteral.init)
  public var scale: NumberLiteral?
  /// The cap of the logits; nil for the model's, or none.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Cap of the logits, c·tanh(x/c); the model's if left out, none without a model.", valueName: "c"),
    transform: NumberLiteral.init)
  public var softcap: NumberLiteral?
  /// Whether the reference takes a recipe's rounded frequencies as exact reals.
  @Flag(
    help:
      "Let the exact score take the recipe's stored frequencies as exact reals, which leaves out their error."
  )
  public var storedFrequencies = false

  /// For the parser.
  public init() {}

  /// The problem of an input under these flags. A flag or a model that contradicts the metadata is noted on the current console.
  ///
  /// - Parameters:
  ///   - input: the input.
  ///   - layers: the layers that are computed, which are checked against the model; all of the input if nil.
  ///   - computesRows: whether every query's whole row is computed, so that a model's window matters.
  ///   - computesWindows: whether a model's window can be computed.
  /// - Throws: ``CommandFailure``: wrong usage where a flag is to blame, else a failure that names the file; ``ModelError``.
  public func resolve(
    for input: AttentionInput, layers: [AttentionLayer]? = nil, computesRows: Bool = true,
    computesWindows: Bool = false
  ) throws -> ResolvedProblem {
    let model = try frequencies.chosenModel {
      [$0.headSize, $0.rotaryPart, $0.base, $0.scaling, $0.window]
    }
    if let model {
      let shapes = layers ?? input.layerShapes
      try model.checkLength(scalingFlag: frequencies.scaling)
      try model.checkSizes(shapes, of: input)
      try model.checkTypes(shapes, of: input)
      try model.refuseWhatIsNotComputed(
        longestRow: computesRows && !computesWindows ? shapes.map(\.keyTokens).max() ?? 0 : 0)
    }
    let layout = try MetadataResolver(input: input, model: model).layout(flag: layout).value
    var resolved = try frequencies.resolve(for: input, layout: layout, model: model)
    if let scale {
      resolved.scale = try AttentionScale(literal: scale)
    } else if let model {
      guard let scale = model.model.scale else { throw model.missing(.scale) }
      resolved.scale = scale
    }
    if let softcap {
      guard let value = Rational(softcap), value.sign > 0 else {
        throw CommandFailure(
          .wrongUsage,
          "softcap '\(softcap.text)' is not a finite number above zero; leave --softcap out for none")
      }
      resolved.softcap = softcap
    }
    resolved.usesStoredFrequencies = storedFrequencies
    Console.current.detail("problem: \(resolved.inWords)")
    return resolved
  }
}

/// A value and whether a flag gave it, `--model` included.
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
  /// The cap where logits are cap·tanh(x/cap); nil for none.
  public internal(set) var softcap: NumberLiteral?
  /// W of the model where query i sees only keys j > i − W; nil where it sees all of them up to itself.
  public let window: Int?
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
    guard usesStoredFrequencies else {
      return try ReferenceProblem(embedding: embedding, scale: scale, softcap: softcap)
    }
    let units = try recipe.frequencies(of: embedding).enumerated().map { pair, frequency in
      guard let exact = frequency.exactReal else {
        throw CommandFailure(
          .failed,
          "recipe \(recipe.name): the stored frequency of pair \(pair) is not finite, so it has no exact score; leave out --stored-frequencies"
        )
      }
      return exact
    }
    let angles = ExactAngles(units: units)
    return try ReferenceProblem(embedding: embedding, scale: scale, softcap: softcap, angles: angles)
  }

  /// Everything that was resolved, in one line.
  var inWords: String {
    [
      "layout \(layout.rawValue)", "base \(base.text)",
      "rotary size \(rotarySize.map { String($0.value) } ?? "of the whole head")",
      "scaling \(scaling.value.isDefault ? "none" : scaling.value.spelling)", "scale \(scaleInWords)",
      "softcap \(softcap?.text ?? "none")",
      "frequencies of the reference \(usesStoredFrequencies ? "as each recipe stores them" : "exact")",
    ].joined(separator: ", ")
  }

  /// The scale in words: `1/sqrt(head size)` or what was typed.
  public var scaleInWords: String {
    switch scale {
    case .inverseSquareRootOfHeadSize: "1/sqrt(head size)"
    case .value(let literal): literal.text
    }
  }
}
