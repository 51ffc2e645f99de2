// How much of a model's forward pass is attention, and what a pattern can save of the whole at most.

import RotaryAttention

/// What is missing to count a model's operations.
public enum ModelOperationsError: Error, Equatable, CustomStringConvertible {
  /// A field that the model leaves open.
  case missing(model: String, what: String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .missing(let model, let what):
      "model \(model) does not say \(what), without which its operations cannot be counted; name a dense model that does, or its config.json"
    }
  }
}

/// Floating-point operations of one forward pass of a dense model over a window; a multiplication and an addition are two.
///
/// For every token 2 operations a parameter of the matrices that it meets: in each layer hidden × heads·d (queries), twice hidden ×
/// kv_heads·d (keys and values), heads·d × hidden (outputs), three matrices hidden × intermediate (two without a gate), and once
/// hidden × vocabulary (logits). For every visible pair 4·d·heads in each layer. Norms, rotations, softmax and elementwise parts are left
/// out: they are a few operations a number. All figures are exact integers below 2^53 or their nearest binary64 numbers.
public struct ModelOperations: Sendable {
  /// The model.
  public let model: AttentionModel
  /// Operations of all matrices for one token.
  public let matricesOfToken: Double
  /// Operations a visible pair in each layer, with the window of the layers and how many there are.
  private let layers: [(window: Int?, count: Int, operationsOfPair: Double)]

  /// Counts a model's operations.
  ///
  /// - Throws: ``ModelOperationsError``.
  public init(_ model: AttentionModel) throws {
    func required<Value>(_ value: Value?, _ what: String) throws -> Value {
      guard let value else { throw ModelOperationsError.missing(model: model.name, what: what) }
      return value
    }
    let sizes = try required(
      model.sizes, "its layers, widths and vocabulary, or is not a dense model of a kind that is known")
    let heads = try required(model.heads, "how many query heads it has")
    let keyValueHeads = try required(model.keyValueHeads, "how many key heads it has")
    self.model = model
    var matrices = 2 * Double(sizes.hidden) * Double(sizes.vocabulary)
    var layers: [(window: Int?, count: Int, operationsOfPair: Double)] = []
    for type in model.layerTypes {
      let headSize = Double(try required(type.headSize, "its head size"))
      let count =
        model.layerTypes.count == 1
        ? sizes.layers : model.typeOfLayer.count { $0 == type.name }
      let projections =
        2 * Double(sizes.hidden) * headSize * Double(heads) + 2 * Double(sizes.hidden) * headSize
        * Double(keyValueHeads)
      let feedForward = Double(sizes.isGated ? 3 : 2) * Double(sizes.hidden) * Double(sizes.intermediate)
      matrices += 2 * Double(count) * (projections + feedForward)
      layers.append((type.window, count, 4 * headSize * Double(heads)))
    }
    guard layers.reduce(0, { $0 + $1.count }) == sizes.layers else {
      throw ModelOperationsError.missing(model: model.name, what: "the kind of each of its layers")
    }
    matricesOfToken = matrices
    self.layers = layers
  }

  /// Operations of all matrices for a window.
  public func matrices(tokens: Int) -> Double { matricesOfToken * Double(tokens) }

  /// Operations of attention in all layers for documents that see themselves, a window's in one where there is one document; the layers'
  /// own windows hold too.
  ///
  /// - Parameters:
  ///   - documents: lengths; they add up to the window.
  ///   - hasAnchor: whether every query sees token 0 too.
  public func attention(documents: [Int], hasAnchor: Bool = false) -> Double {
    layers.reduce(0) { sum, layer in
      var pairs = documents.reduce(0.0) { $0 + Self.pairs($1, window: layer.window) }
      if hasAnchor { pairs += Self.anchorPairs(documents, window: layer.window) }
      return sum + Double(layer.count) * layer.operationsOfPair * pairs
    }
  }

  /// Pairs of a causal document of L tokens: Σ min(i + 1, W).
  static func pairs(_ length: Int, window: Int?) -> Double {
    let (l, w) = (Double(length), Double(min(window ?? length, length)))
    return w * (w + 1) / 2 + (l - w) * w
  }

  /// Pairs of token 0 with queries that do not see it anyway: those of later documents, and those of the first that its window has left.
  private static func anchorPairs(_ documents: [Int], window: Int?) -> Double {
    guard let first = documents.first else { return 0 }
    let later = documents.dropFirst().reduce(0) { $0 + $1 }
    return Double(later) + Double(max(0, first - (window ?? first)))
  }

  /// Documents of equal lengths, the last one with what is left.
  public static func equalDocuments(of length: Int, tokens: Int) -> [Int] {
    let whole = Array(repeating: length, count: tokens / length)
    return tokens % length == 0 ? whole : whole + [tokens % length]
  }

  /// Attention's share of all operations.
  public func attentionShare(documents: [Int], hasAnchor: Bool = false) -> Double {
    let attention = attention(documents: documents, hasAnchor: hasAnchor)
    return attention / (attention + matrices(tokens: documents.reduce(0, +)))
  }

  /// 1 − operations(documents)/operations(one document): a bound on the part of the time that a pattern can save, where time is operations.
  public func saving(documents: [Int], hasAnchor: Bool = false) -> Double {
    let tokens = documents.reduce(0, +)
    let others = matrices(tokens: tokens)
    let full = attention(documents: [tokens]) + others
    return 1 - (attention(documents: documents, hasAnchor: hasAnchor) + others) / full
  }

  /// The greatest length of equal documents at which a pattern saves at least a part of all operations; nil where even single tokens do
  /// not. Longer documents save less: cutting a window into longer equal parts never lowers the number of pairs, by convexity.
  public func greatestLength(
    saving part: Double, tokens: Int, hasAnchor: Bool = false
  ) -> Int? {
    func saves(_ length: Int) -> Bool {
      saving(documents: Self.equalDocuments(of: length, tokens: tokens), hasAnchor: hasAnchor) >= part
    }
    guard tokens > 0, saves(1) else { return nil }
    var (low, high) = (1, tokens)
    while low < high {
      let middle = (low + high + 1) / 2
      if saves(middle) { low = middle } else { high = middle - 1 }
    }
    return low
  }
}
