// The embedding alone, for commands about frequencies and angles: from flags where they say enough, else from an input.

import ArgumentParser
import RoPEDrift

/// INPUT, `--model`, `--base`, `--rotary-size`, `--scaling`, `--head-size`.
public struct EmbeddingOptions: ParsableArguments {
  /// The input, read only where the flags do not say enough.
  @OptionGroup public var input: InputArgument
  /// Base, rotary size, scaling.
  @OptionGroup public var options: FrequencyOptions
  /// Channels of a head.
  @Option(
    help: ArgumentHelp("Channels of a head; the input's, or the rotary size, if left out.", valueName: "d"))
  public var headSize: Int?

  /// For the parser.
  public init() {}

  /// The most channels that flags may name where no input bounds them.
  static let largestSize = 65_536

  /// Refuses sizes that no head has, before anything is made of them.
  public func validate() throws {
    for (flag, size) in [("--rotary-size", options.rotarySize), ("--head-size", headSize)] {
      guard let size, size > Self.largestSize else { continue }
      throw ValidationError("\(flag) is \(size); a head has at most \(Self.largestSize) channels here")
    }
  }

  /// The embedding. Frequencies do not depend on the layout.
  ///
  /// - Throws: ``ProblemError``, ``CommandFailure``, ``TensorFileError``.
  public func resolve() throws -> RotaryEmbedding {
    let layout = RotaryLayout.halfSplit
    let model = try options.modelOfFrequencies()
    if input.input == nil {
      if let model { return try embedding(of: model, layout) }
      if let base = options.base, let size = options.rotarySize {
        return try RotaryEmbedding(
          headSize: headSize ?? size, rotarySize: size, base: base, layout: layout,
          scaling: options.scaling.map { try RotaryScaling(spelling: $0) } ?? .none)
      }
    }
    let input = try input.open()
    let sizes = Set(input.layerShapes.map(\.headSize))
    guard let size = headSize ?? (sizes.count == 1 ? sizes.first : nil) else {
      throw CommandFailure(
        .wrongUsage,
        "the layers of \(input.spelling) have heads of \(sizes.sorted().map(String.init).joined(separator: ", ")) channels; choose with --head-size"
      )
    }
    try model?.checkSizes(input.layerShapes, of: input)
    return try options.resolve(for: input, layout: layout, model: model).embedding(headSize: size)
  }

  /// The embedding of a model, with the flags that override it.
  private func embedding(of model: ChosenModel, _ layout: RotaryLayout) throws -> RotaryEmbedding {
    guard let base = options.base ?? model.layer.base else { throw model.missing(.base) }
    let scaling = try options.scaling.map { try RotaryScaling(spelling: $0) } ?? model.scaling()
    guard let scaling else { throw model.missing(.scaling) }
    let whole = headSize ?? model.layer.headSize
    let size: Int? =
      switch model.layer.rotaryPart {
      case .channels(let count): count
      case .wholeHead: whole
      case nil: nil
      }
    guard let size = options.rotarySize ?? size else {
      if model.layer.rotaryPart == .wholeHead {
        throw CommandFailure(
          .wrongUsage, "model \(model.name) does not say its head size; say it with --head-size")
      }
      throw model.missing(.rotarySize)
    }
    return try RotaryEmbedding(
      headSize: whole ?? size, rotarySize: size, base: base, layout: layout, scaling: scaling)
  }
}
