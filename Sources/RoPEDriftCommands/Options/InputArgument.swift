// INPUT, which means the same in every command.

import ArgumentParser
import RoPEDrift

/// INPUT, optional: the shipped sample where it is left out.
public struct InputArgument: ParsableArguments {
  /// The argument as typed.
  @Argument(
    help: ArgumentHelp(
      "A safetensors file, a folder of .npy files, - (standard input) or synthetic:KIND,key=value; the shipped sample if left out.",
      valueName: "INPUT"), completion: .inputs)
  public var input: String?

  /// For the parser.
  public init() {}

  /// Opens the input.
  ///
  /// - Throws: ``TensorFileError``.
  public func open() throws -> AttentionInput {
    let opened = try input.map { try AttentionInput.open($0) } ?? AttentionInput.shippedSample()
    for layer in opened.layerShapes {
      Console.current.detail(
        "input \(opened.spelling), layer \(layer.index): \(layer.queryHeads) query heads, \(layer.kvHeads) key heads of "
          + "\(layer.headSize) channels, \(layer.queryTokens) queries, \(layer.keyTokens) keys")
    }
    return opened
  }
}

extension AttentionLayer {
  /// The layer's sizes as the engines take them.
  public var attentionShape: AttentionShape {
    // A layer has passed the same checks.
    try! AttentionShape(
      heads: queryHeads, keyValueHeads: kvHeads, queryTokens: queryTokens, keyTokens: keyTokens,
      headSize: headSize)
  }
}
