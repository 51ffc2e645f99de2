// Seeded inputs for runs without a capture: a spelling that says everything, so that a report made from one can be made again.
// How the numbers come about is in SyntheticInput+Generators.swift.

import FloatingPointFormats

/// A generated input, spelled `synthetic:KIND,key=value,…`; every key may be left out.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `heads`, `kv_heads` | 8, 2 | query heads, key heads |
/// | `tokens`, `query_tokens` | 256, tokens | rows of keys; rows of queries, which are the last ones |
/// | `head_dim`, `rotary_size` | 64, head_dim | channels of a head; rotated channels (even) |
/// | `layers` | 2 | layers 0, 1, … |
/// | `seed` | 1 | 64 bits |
/// | `dtype` | bf16 | bf16, fp16, fp32 or fp64: every generated value is rounded into it |
/// | `base` | 10000 | metadata only: generators do not rotate |
/// | `layout` | half-split | half-split or interleaved: which channels are a pair |
/// | `strength` (sink) | 4 | how much larger key 0 is in the sink's channels than a query's share there |
/// | `bits` (cancellation) | 16 | leading bits that cancel, 1…100 (1…24 for fp16) |
///
/// The same spelling gives the same bytes on every machine. Token t of head h does not depend on the number of tokens, heads
/// or layers: a longer input begins with the shorter one.
public struct SyntheticInput: Sendable, Hashable {
  /// What is generated.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Every element normal with unit variance, independent.
    case normal
    /// As normal, but all queries lean in one direction of their key head's slow pairs, and key 0 is large along it: it
    /// draws attention as the first token of a language model does.
    case sink
    /// The terms of q·k at equal positions are large and cancel in pairs, but for a remainder that is smaller by 2^bits.
    case cancellation
  }

  /// What every spelling begins with.
  public static let prefix = "synthetic:"

  /// What is generated.
  public private(set) var kind: Kind
  /// Query heads.
  public private(set) var heads = 8
  /// Key heads.
  public private(set) var kvHeads = 2
  /// Rows of a key head.
  public private(set) var tokens = 256
  /// Rows of a query head; the last tokens.
  public private(set) var queryTokens = 256
  /// Channels of a head.
  public private(set) var headSize = 64
  /// Rotated channels of a head.
  public private(set) var rotarySize = 64
  /// Number of layers.
  public private(set) var layerCount = 2
  /// The seed.
  public private(set) var seed: UInt64 = 1
  /// Element type.
  public private(set) var elementType = TensorElementType.bf16
  /// The base of the frequencies, as typed.
  public private(set) var base = "10000"
  /// `half-split` or `interleaved`.
  public private(set) var layout = "half-split"
  /// See the table above.
  public private(set) var strength = 4
  /// See the table above.
  public private(set) var bits = 16

  private static let commonKeys = [
    "heads", "kv_heads", "tokens", "query_tokens", "head_dim", "rotary_size", "layers", "seed", "dtype",
    "base", "layout",
  ]
  static let layouts = ["half-split", "interleaved"]

  private static func ownKeys(_ kind: Kind) -> [String] {
    switch kind {
    case .normal: []
    case .sink: ["strength"]
    case .cancellation: ["bits"]
    }
  }

  /// Reads a spelling.
  ///
  /// - Throws: ``TensorFileError`` of kind wrongSpelling.
  public init(spelling: String) throws {
    func wrong(_ expected: String, _ found: String) -> TensorFileError {
      TensorFileError(
        .wrongSpelling, file: spelling, expected: expected, found: found,
        mend:
          "write synthetic:normal,heads=8,kv_heads=2,tokens=256,head_dim=64,layers=2,seed=1,dtype=bf16 or part of it"
      )
    }
    guard spelling.hasPrefix(Self.prefix) else { throw wrong("'\(Self.prefix)' first", "'\(spelling)'") }
    let parts = spelling.dropFirst(Self.prefix.count).split(separator: ",", omittingEmptySubsequences: false)
    let kindName = String(parts.first ?? "")
    guard let kind = Kind(rawValue: kindName) else {
      let known = Kind.allCases.map(\.rawValue)
      throw wrong(
        "a kind (\(known.joined(separator: ", ")))",
        "'\(kindName)'\(didYouMean(nearestName(to: kindName, among: known)))")
    }
    self.kind = kind
    let known = Self.commonKeys + Self.ownKeys(kind)
    var given: [String: String] = [:]
    for part in parts.dropFirst() {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard pair.count == 2 else { throw wrong("key=value", "'\(part)'") }
      guard known.contains(pair[0]) else {
        throw wrong(
          "one of the keys \(known.joined(separator: ", "))",
          "'\(pair[0])'\(didYouMean(nearestName(to: pair[0], among: known)))")
      }
      guard given.updateValue(pair[1], forKey: pair[0]) == nil else {
        throw wrong("every key once", "'\(pair[0])' twice")
      }
    }
    func integer(_ key: String, default value: Int, _ range: ClosedRange<Int>) throws -> Int {
      guard let text = given[key] else { return value }
      guard let number = Int(text), range.contains(number) else {
        throw wrong("\(key) from \(range.lowerBound) to \(range.upperBound)", "'\(text)'")
      }
      return number
    }
    func name(_ key: String, default value: String, among names: [String]) throws -> String {
      let text = given[key] ?? value
      guard names.contains(text) else {
        throw wrong(
          "\(key) one of \(names.joined(separator: ", "))",
          "'\(text)'\(didYouMean(nearestName(to: text, among: names)))")
      }
      return text
    }
    heads = try integer("heads", default: heads, 1...65536)
    kvHeads = try integer("kv_heads", default: min(kvHeads, heads), 1...65536)
    guard heads % kvHeads == 0 else {
      throw wrong("heads a multiple of kv_heads", "heads=\(heads), kv_heads=\(kvHeads)")
    }
    tokens = try integer("tokens", default: tokens, 1...1 << 22)
    queryTokens = try integer("query_tokens", default: tokens, 1...tokens)
    // Tokens times channels stay below 2^32: an element's index is one word of the generator's counter.
    headSize = try integer("head_dim", default: headSize, 1...1023)
    rotarySize = try integer("rotary_size", default: headSize, 2...max(headSize, 2))
    guard rotarySize % 2 == 0, rotarySize <= headSize else {
      throw wrong(
        "rotary_size even and at most head_dim", "rotary_size \(rotarySize) with head_dim \(headSize)")
    }
    layerCount = try integer("layers", default: layerCount, 1...65536)
    if let text = given["seed"] {
      guard let number = UInt64(text) else { throw wrong("seed from 0 to \(UInt64.max)", "'\(text)'") }
      seed = number
    }
    let types = TensorElementType.real.map { $0.format.spelling }
    let typeName = try name("dtype", default: "bf16", among: types)
    elementType = TensorElementType.real.first { $0.format.spelling == typeName }!.type
    layout = try name("layout", default: layout, among: Self.layouts)
    base = given["base"] ?? base
    guard let literal = try? NumberLiteral(base), case .rational(false, let numerator, _) = literal.meaning,
      !numerator.isZero
    else { throw wrong("base a positive number", "'\(base)'") }
    strength = try integer("strength", default: strength, 1...1024)
    bits = try integer("bits", default: bits, 1...(elementType == .f16 ? 24 : 100))
    if kind == .cancellation, rotarySize < 4 {
      throw wrong("at least two pairs (rotary_size 4) for cancellation", "rotary_size \(rotarySize)")
    }
  }

  /// The spelling with every parameter written out, in one order; it reads back to the same input.
  public var spelling: String {
    var fields = [
      kind.rawValue, "heads=\(heads)", "kv_heads=\(kvHeads)", "tokens=\(tokens)",
      "query_tokens=\(queryTokens)",
      "head_dim=\(headSize)", "rotary_size=\(rotarySize)", "layers=\(layerCount)", "seed=\(seed)",
      "dtype=\(elementType.format!.spelling)", "base=\(base)", "layout=\(layout)",
    ]
    switch kind {
    case .normal: break
    case .sink: fields.append("strength=\(strength)")
    case .cancellation: fields.append("bits=\(bits)")
    }
    return Self.prefix + fields.joined(separator: ",")
  }

  /// The input. Nothing is generated before it is read, and nothing is kept: memory is one head's.
  public func attentionInput() throws -> AttentionInput {
    let layers = (0..<layerCount).map {
      AttentionLayer(
        index: $0, queryHeads: heads, kvHeads: kvHeads, headSize: headSize, queryTokens: queryTokens,
        keyTokens: tokens,
        queryType: elementType, keyType: elementType, valueType: elementType)
    }
    let metadata = [
      AttentionInput.Metadata.layout: layout, AttentionInput.Metadata.base: base,
      AttentionInput.Metadata.rotarySize: String(rotarySize), AttentionInput.Metadata.scaling: "none",
      AttentionInput.Metadata.stage: AttentionInput.Metadata.preRotary, "generator": spelling,
    ]
    return try AttentionInput(
      spelling: spelling, metadata: metadata, layers: layers, otherTensors: [], source: self)
  }
}
