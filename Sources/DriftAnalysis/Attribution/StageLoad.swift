// The cost model of a mend: which values a stage stores and which operations take or give its format, by token, by token and
// layer, and by score. Counts from the sizes of the problem, not measured times.

import FloatingPointFormats
import RotaryAttention

/// What a stage stores and computes in its format. One operation is one product, one sum or one function value that takes or
/// gives a value of the stage; a fused product-sum counts as two.
public struct StageLoad: Sendable, Hashable {
  /// A count that follows from the sizes of a layer.
  public enum Count: Sendable, Hashable {
    /// 0.
    case none
    /// 1.
    case one
    /// r/2.
    case pairs
    /// r: a cosine and a sine a pair.
    case rotaryChannels
    /// d.
    case headChannels
    /// 2d: a product and a sum a channel.
    case dotOperations
    /// 3: quotient, tanh and product.
    case softcapSteps
    /// kv_heads·d: a row of the key cache.
    case keyChannels
    /// (heads + kv_heads)·d: the queries and keys of a token.
    case vectorChannels
    /// (heads + kv_heads)·3r: four products and two sums a pair.
    case rotationOperations

    func value(_ shape: AttentionShape, rotarySize r: Int) -> Int {
      let vectors = shape.heads + shape.keyValueHeads
      return switch self {
      case .none: 0
      case .one: 1
      case .pairs: r / 2
      case .rotaryChannels: r
      case .headChannels: shape.headSize
      case .dotOperations: 2 * shape.headSize
      case .softcapSteps: 3
      case .keyChannels: shape.keyValueHeads * shape.headSize
      case .vectorChannels: vectors * shape.headSize
      case .rotationOperations: vectors * 3 * r
      }
    }
  }

  /// Values kept for a position, shared by all layers.
  public var valuesPerToken = Count.none
  /// Values kept for a token in each layer: the key cache, or q and k.
  public var valuesPerTokenAndLayer = Count.none
  /// Values kept for a visible pair in each head, where an implementation stores the matrix of scores.
  public var valuesPerScore = Count.none
  /// Operations for a position, shared by all layers.
  public var operationsPerToken = Count.none
  /// Operations for a token in each layer.
  public var operationsPerTokenAndLayer = Count.none
  /// Operations for a visible pair in each head.
  public var operationsPerScore = Count.none

  /// A stage that is computed once for a model, however many tokens.
  public static let free = StageLoad()
}

/// What a mend costs beyond the recipe it mends. Bytes are those of the wider format less those of the old one; a format of b
/// bits takes the least power of two of bytes that holds it (tf32: 4).
public struct MendCost: Sendable, Hashable {
  /// Bytes for a position, shared by all layers and heads: the table.
  public var bytesPerToken = 0
  /// Bytes for a token in each layer: the key cache, and q and k as activations.
  public var bytesPerTokenAndLayer = 0
  /// Bytes for a visible pair in each head.
  public var bytesPerScore = 0
  /// Operations in a wider format, for a position.
  public var operationsPerToken = 0
  /// Operations in a wider format, for a token in each layer.
  public var operationsPerTokenAndLayer = 0
  /// Operations in a wider format, for a visible pair in each head.
  public var operationsPerScore = 0

  /// No cost.
  public init() {}

  /// Adds what one stage costs when its stored values go from `old` to `new`.
  mutating func add(
    _ load: StageLoad, from old: FloatingPointFormat, to new: FloatingPointFormat, _ shape: AttentionShape,
    rotarySize: Int
  ) {
    func count(_ path: KeyPath<StageLoad, StageLoad.Count>) -> Int {
      load[keyPath: path].value(shape, rotarySize: rotarySize)
    }
    let bytes = new.storageBytes - old.storageBytes
    bytesPerToken += bytes * count(\.valuesPerToken)
    bytesPerTokenAndLayer += bytes * count(\.valuesPerTokenAndLayer)
    bytesPerScore += bytes * count(\.valuesPerScore)
    operationsPerToken += count(\.operationsPerToken)
    operationsPerTokenAndLayer += count(\.operationsPerTokenAndLayer)
    operationsPerScore += count(\.operationsPerScore)
  }

  /// Bytes for T tokens: T·(bytesPerToken + layers·bytesPerTokenAndLayer) + layers·heads·pairs·bytesPerScore.
  public func bytes(tokens: Int, layers: Int, heads: Int, pairs: Int) -> Int {
    tokens * (bytesPerToken + layers * bytesPerTokenAndLayer) + layers * heads * pairs * bytesPerScore
  }

  /// Operations for T tokens, summed as ``bytes(tokens:layers:heads:pairs:)`` sums bytes.
  public func operations(tokens: Int, layers: Int, heads: Int, pairs: Int) -> Int {
    tokens * (operationsPerToken + layers * operationsPerTokenAndLayer)
      + layers * heads * pairs * operationsPerScore
  }
}

extension FloatingPointFormat {
  /// The least power of two of bytes that holds an encoding.
  var storageBytes: Int {
    var bytes = 1
    while 8 * bytes < bitWidth { bytes *= 2 }
    return bytes
  }
}
