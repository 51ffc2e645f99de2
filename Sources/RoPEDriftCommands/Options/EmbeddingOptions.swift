// The embedding alone, for commands about frequencies and angles: from flags where they say enough, else from an input.

import ArgumentParser
import RoPEDrift

/// INPUT, `--base`, `--rotary-size`, `--scaling`, `--head-size`.
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

  /// The embedding. Frequencies do not depend on the layout.
  ///
  /// - Throws: ``ProblemError``, ``CommandFailure``, ``TensorFileError``.
  public func resolve() throws -> RotaryEmbedding {
    let layout = RotaryLayout.halfSplit
    if input.input == nil, let base = options.base, let size = options.rotarySize {
      return try RotaryEmbedding(
        headSize: headSize ?? size, rotarySize: size, base: base, layout: layout,
        scaling: options.scaling.map { try RotaryScaling(spelling: $0) } ?? .none)
    }
    let input = try input.open()
    let sizes = Set(input.layerShapes.map(\.headSize))
    guard let size = headSize ?? (sizes.count == 1 ? sizes.first : nil) else {
      throw CommandFailure(
        .wrongUsage,
        "the layers of \(input.spelling) have heads of \(sizes.sorted().map(String.init).joined(separator: ", ")) channels; choose with --head-size"
      )
    }
    return try options.resolve(for: input, layout: layout).embedding(headSize: size)
  }
}
