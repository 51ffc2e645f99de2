// A capture of a whole model run as one side of a comparison.

import FloatingPointFormats
import RotaryAttention
import TensorIO

/// A capture and the shift at which the whole model ran.
public struct CapturedRun: Sendable {
  /// q and k, before rotation.
  public let input: AttentionInput
  /// What was added to every position id of the run.
  public let shift: Int

  /// Metadata of a run, beside that of ``AttentionInput/Metadata``.
  public enum Metadata {
    /// The shift of the run, a whole number.
    public static let shift = "run.shift"
    /// The arithmetic of the run, as `bfloat16`.
    public static let type = "run.dtype"
    /// What computed the run, in words.
    public static let arithmetic = "run.arithmetic"
    /// What makes the run a null control; absent where it is none.
    public static let null = "run.null"
    /// Standard deviation of an untrained model's weights; absent for a trained one.
    public static let standardDeviation = "run.init_std"
    /// Seed of an untrained model's weights.
    public static let seed = "run.init_seed"
    /// The model's name.
    public static let model = "model"
  }

  /// The tensor of token ids.
  static let tokenIdentifiers = "token_ids"

  /// A run whose shift the metadata says, or `stated`, or both alike.
  ///
  /// - Throws: ``ComparisonInputError`` where neither says it, where they contradict each other, and for metadata that is no whole number.
  public init(_ input: AttentionInput, stated: Int?) throws {
    self.input = input
    guard let text = input.metadata[Metadata.shift] else {
      guard let stated else {
        throw ComparisonInputError(
          file: input.spelling, expected: "the run's shift in the metadata, \(Metadata.shift)", found: "none",
          mend: "capture the run with Tools/capture.py --shift, or say both shifts with --shifts")
      }
      shift = stated
      return
    }
    let tokens = input.layerShapes.map(\.keyTokens).max() ?? 0
    guard let stored = Int(text), (try? TokenPositions(tokens: tokens, shift: stored)) != nil else {
      throw ComparisonInputError(
        file: input.spelling,
        expected: "a whole number as \(Metadata.shift) in the metadata, with positions within ±2^53",
        found: "'\(text.prefix(40))'", mend: "capture the run again with Tools/capture.py --shift")
    }
    guard stated == nil || stated == stored else {
      throw ComparisonInputError(
        file: input.spelling, expected: "a run at shift \(stated!), as --shifts says",
        found: "\(Metadata.shift) \(stored)", mend: "leave --shifts out, or name the run that was meant")
    }
    shift = stored
  }

  /// What makes the run a null control; nil where the metadata does not call it one.
  public var nullKind: String? { input.metadata[Metadata.null] }
}
