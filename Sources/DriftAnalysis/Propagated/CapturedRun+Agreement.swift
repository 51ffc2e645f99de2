// Whether two captures are runs of one model on one text, so that their difference means something.

import ArbitraryPrecision
import FloatingPointFormats
import RotaryAttention
import TensorIO

extension CapturedRun {
  /// Checks that `other` is a run of the same model on the same tokens.
  ///
  /// Compared are the layers' shapes and element types, metadata that both files state (layout, base, rotary size, scaling, model,
  /// arithmetic, random weights) and the tokens where both files hold them.
  ///
  /// - Parameters:
  ///   - other: the run to hold against this one.
  ///   - layers: the layers that are compared.
  ///   - comparesAll: whether the runs must have the same layers, because none were chosen.
  /// - Returns: whether tokens were compared.
  /// - Throws: ``ComparisonInputError``.
  func checkAgreement(with other: CapturedRun, layers: [Int], comparesAll: Bool) throws -> Bool {
    if comparesAll, other.input.layers != input.layers {
      throw other.unfit(
        "the layers of \(input.spelling), \(Self.list(input.layers))", Self.list(other.input.layers),
        "capture the same layers in both runs, or choose those that both have with --layers")
    }
    for layer in layers { try checkShapes(of: layer, in: other) }
    try checkMetadata(of: other, headSize: input.shape(ofLayer: layers[0]).headSize)
    return try checkTokens(of: other)
  }

  func unfit(_ expected: String, _ found: String, tensor: String? = nil, _ mend: String)
    -> ComparisonInputError
  {
    ComparisonInputError(file: input.spelling, tensor: tensor, expected: expected, found: found, mend: mend)
  }

  private func checkShapes(of layer: Int, in other: CapturedRun) throws {
    guard let theirs = other.input.layerShapes.first(where: { $0.index == layer }) else {
      throw other.unfit(
        "it, because \(input.spelling) has layer \(layer)", "layers \(Self.list(other.input.layers))",
        tensor: AttentionTensor.query.name(layer: layer),
        "capture the same layers in both runs, or choose those that both have with --layers")
    }
    let ours = try input.shape(ofLayer: layer)
    for tensor in [AttentionTensor.query, .key] {
      let name = tensor.name(layer: layer)
      guard theirs.shape(of: tensor) == ours.shape(of: tensor) else {
        throw other.unfit(
          "the shape \(ours.shape(of: tensor)) of \(input.spelling)", "\(theirs.shape(of: tensor))",
          tensor: name, "capture the same model on the same tokens")
      }
      guard theirs.elementType(of: tensor) == ours.elementType(of: tensor) else {
        throw other.unfit(
          "elements of type \(ours.elementType(of: tensor)!.rawValue), as in \(input.spelling)",
          theirs.elementType(of: tensor)!.rawValue, tensor: name,
          "capture both runs in the same arithmetic and type")
      }
    }
  }

  private func checkMetadata(of other: CapturedRun, headSize: Int) throws {
    /// What absence means: a value, or nil where it says nothing.
    let defaults = [
      AttentionInput.Metadata.scaling: "none", AttentionInput.Metadata.rotarySize: String(headSize),
    ]
    let keys = [
      AttentionInput.Metadata.layout, AttentionInput.Metadata.base, AttentionInput.Metadata.rotarySize,
      AttentionInput.Metadata.scaling, Metadata.model, Metadata.type, Metadata.standardDeviation,
      Metadata.seed,
    ]
    for key in keys {
      guard let ours = input.metadata[key] ?? defaults[key],
        let theirs = other.input.metadata[key] ?? defaults[key]
      else { continue }
      if ours == theirs || Self.isSameNumber(ours, theirs) { continue }
      throw other.unfit(
        "\(key) '\(ours)' in the metadata, as in \(input.spelling)", "'\(theirs)'",
        "compare runs of one model in one arithmetic, which differ in the shift alone")
    }
    // Weights are trained in the one and random in the other.
    for key in [Metadata.standardDeviation]
    where (input.metadata[key] == nil) != (other.input.metadata[key] == nil) {
      throw other.unfit(
        input.metadata[key].map { "\(key) '\($0)' in the metadata, as in \(input.spelling)" }
          ?? "no \(key) in the metadata, as in \(input.spelling)", other.input.metadata[key] ?? "none",
        "compare runs of one model, which differ in the shift alone")
    }
  }

  /// 1e5 and 100000 are one base.
  private static func isSameNumber(_ a: String, _ b: String) -> Bool {
    guard let a = (try? NumberLiteral(a)).flatMap({ Rational($0) }),
      let b = (try? NumberLiteral(b)).flatMap({ Rational($0) })
    else { return false }
    return a == b
  }

  private func checkTokens(of other: CapturedRun) throws -> Bool {
    let name = Self.tokenIdentifiers
    guard let ours = input.otherTensor(named: name), let theirs = other.input.otherTensor(named: name)
    else { return false }
    do {
      let (a, b) = (try ours.integers(within: 1 << 53), try theirs.integers(within: 1 << 53))
      guard a.count == b.count else {
        throw other.unfit(
          "\(a.count) tokens, as in \(input.spelling)", "\(b.count)", tensor: name,
          "run the model on the same text")
      }
      if let index = a.indices.first(where: { a[$0] != b[$0] }) {
        throw other.unfit(
          "token \(a[index]) at index \(index), as in \(input.spelling)", "token \(b[index])", tensor: name,
          "run the model on the same text")
      }
    } catch let error as TensorFileError {
      throw ComparisonInputError(error)
    }
    return true
  }

  static func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ", ") }
}
