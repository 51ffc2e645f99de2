// The check of another implementation's tensors: what is compared with what, decided before any arithmetic.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// Which of the two questions decides the verdict. Both are always answered: "accurate" and "the same as recipe X" can conflict.
public enum RequiredAgreement: String, Sendable, Hashable, CaseIterable {
  /// The error against the exact reference.
  case accuracy
  /// Agreement with the named recipe.
  case parity
  /// Both.
  case both
}

/// Another implementation's tensors on an input, to be held to the exact reference and to a recipe.
public struct TensorCheck: Sendable {
  /// q and k (and v).
  public let input: AttentionInput
  /// The other implementation's tensors.
  public let kernel: KernelTensors
  /// Sizes, base, layout, scaling.
  public let embedding: RotaryEmbedding
  /// What multiplies q·k.
  public let scale: AttentionScale
  /// The cap of the logits; nil for none.
  public let softcap: NumberLiteral?
  /// The exact problem.
  public let reference: ReferenceProblem
  /// The recipe.
  public let recipe: Recipe
  /// Rules for the error against the exact reference.
  public let accuracy: [TensorComparator]
  /// Rules for agreement with the recipe.
  public let parity: [TensorComparator]
  /// What decides.
  public let require: RequiredAgreement

  /// Checks and makes a check.
  ///
  /// - Parameters:
  ///   - input: q and k.
  ///   - kernel: the other implementation's tensors on that input.
  ///   - embedding: sizes, base, layout, scaling, for heads of the checked layers.
  ///   - scale: what multiplies q·k.
  ///   - softcap: the cap of the logits; nil for none.
  ///   - reference: the exact problem; nil for that of the embedding.
  ///   - recipe: the recipe.
  ///   - accuracy: rules for the error against the exact reference; none for ``TensorComparator/defaultFlashRule``.
  ///   - parity: rules for agreement with the recipe, none of which is the flash rule; none for ``TensorComparator/bitExact``.
  ///   - require: what decides.
  /// - Throws: ``ProblemError``, ``UndecidedRounding``; ``ComparatorError`` for a flash rule among `parity`.
  public init(
    input: AttentionInput, kernel: KernelTensors, embedding: RotaryEmbedding,
    scale: AttentionScale = .inverseSquareRootOfHeadSize, softcap: NumberLiteral? = nil,
    reference: ReferenceProblem? = nil, recipe: Recipe, accuracy: [TensorComparator] = [],
    parity: [TensorComparator] = [],
    require: RequiredAgreement = .accuracy
  ) throws {
    self.input = input
    self.kernel = kernel
    self.embedding = embedding
    self.scale = scale
    self.softcap = softcap
    self.reference =
      try reference ?? ReferenceProblem(embedding: embedding, scale: scale, softcap: softcap)
    self.recipe = recipe
    self.accuracy = accuracy.isEmpty ? [.defaultFlashRule] : accuracy
    self.parity = parity.isEmpty ? [.bitExact] : parity
    self.require = require
    for case .flashRule in parity {
      throw ComparatorError.notForParity
    }
  }

  /// Elements that ``run(threads:progress:)`` goes through.
  public var workload: Int { kernel.tensors.reduce(0) { $0 + $1.tensor.count } }

  /// Compares everything.
  ///
  /// Memory: the positions; of tables and rotated vectors a block of tokens; for scores the rotated keys of a head and a few rows a
  /// thread. The tensors are mapped and read once (tables with repeated values twice).
  ///
  /// - Parameters:
  ///   - threads: no bit of the result depends on it.
  ///   - progress: called with the number of elements that were compared since the last call.
  /// - Throws: ``UndecidedRounding``, ``TensorFileError``, ``ProblemError``.
  public func run(
    threads: Int, progress: @Sendable (Int) -> Void = { _ in }
  ) throws -> TensorVerdict {
    let sources = try kernel.tensors.map { try RecipeSource(self, $0) }
    var tallies = zip(kernel.tensors, sources).map { TensorTallies(self, $0, $1, rows: nil) }
    try compareVectors(sources, into: &tallies, threads: threads, progress: progress)
    try compareScores(sources, into: &tallies, threads: threads, progress: progress)
    let checked = kernel.tensors.indices.map {
      CheckedTensor(kernel.tensors[$0], sources[$0], tallies[$0], self)
    }
    return TensorVerdict(self, checked, hints: try likelyCauses(of: checked))
  }
}

/// How a recipe comes by the values that one tensor is compared with.
struct RecipeSource: Sendable {
  /// The recipe on the problem; nil where it leaves the tensor exact in a way that one rounding does not mend.
  let emulation: Emulation?
  /// The formats of the recipe's own tensor; nil where it leaves it exact.
  let formats: [FloatingPointFormat]?

  init(_ check: TensorCheck, _ tensor: KernelTensor) throws {
    guard let stored = tensor.kind.storedTensor else {
      (emulation, formats) = (nil, nil)
      return
    }
    let layer = tensor.layer
    let isCapped = check.softcap != nil
    let type = tensor.kind == .rotatedKey ? layer.keyType : layer.queryType
    let formats = check.recipe.formats(
      of: stored, embedding: check.embedding, input: type.format!, isCapped: isCapped)
    self.formats = formats
    let recipe =
      formats != nil ? check.recipe : check.recipe.rounding(stored, to: tensor.format, isCapped: isCapped)
    emulation = try recipe.map {
      try Emulation(recipe: $0, embedding: check.embedding, scale: check.scale, softcap: check.softcap)
    }
  }
}

extension CheckedStage {
  /// The recipe's tensor of the same meaning; nil where recipes have none.
  var storedTensor: StoredTensor? {
    switch self {
    case .cosine: .cosine
    case .sine: .sine
    case .rotatedQuery: .rotatedQuery
    case .rotatedKey: .rotatedKey
    case .logits: .logits
    case .probabilities, .output: nil
    }
  }
}

/// The three comparisons of one tensor: it with the exact reference, the recipe with the exact reference, it with the recipe.
struct TensorTallies: Sendable {
  var accuracy: DifferenceTally
  var recipe: DifferenceTally
  var parity: DifferenceTally

  /// - Parameter rows: the rows of the tensor that are covered; nil for all.
  init(_ check: TensorCheck, _ tensor: KernelTensor, _ source: RecipeSource, rows: Range<Int>?) {
    let shape = tensor.tensor.shape
    let rows = rows ?? 0..<shape[shape.count - 2]
    accuracy = DifferenceTally(format: tensor.format, comparators: check.accuracy, rows: rows)
    recipe = DifferenceTally(format: tensor.format, comparators: [], rows: rows)
    parity = DifferenceTally(
      format: tensor.format, comparators: check.parity, rows: rows, roundsReference: false)
  }

  mutating func merge(_ other: TensorTallies) {
    accuracy.merge(other.accuracy)
    recipe.merge(other.recipe)
    parity.merge(other.parity)
  }

  /// Adds neighbouring elements of one row.
  mutating func add(
    _ values: UnsafeBufferPointer<Double>, high: UnsafeBufferPointer<Double>,
    low: UnsafeBufferPointer<Double>?, recipe own: UnsafeBufferPointer<Double>?, row: Int, firstIndex: Int,
    stride: Int = 1
  ) {
    accuracy.add(values, high: high, low: low, row: row, firstIndex: firstIndex, stride: stride)
    guard let own else { return }
    recipe.add(own, high: high, low: low, row: row, firstIndex: firstIndex, stride: stride)
    parity.add(values, high: own, low: nil, row: row, firstIndex: firstIndex, stride: stride)
  }
}
