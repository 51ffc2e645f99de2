// What is compared where whole model runs are: two captures at two shifts and a null control. Checked here, before any arithmetic.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO

/// Which difference of two runs a figure is about. A is the run at Δ₁, B the run at Δ₂, C the null control at Δ₁; s(X, Δ) stands for
/// the logits and probabilities of X's q and k, emulated at shift Δ.
public enum PropagatedMode: String, Sendable, Hashable, CaseIterable {
  /// s(A, Δ₁) − s(B, Δ₂): what two whole runs differ by.
  case propagated
  /// s(A, Δ₁) − s(A, Δ₂): the same q and k, only positions shifted; what the rotary embedding of this layer does.
  case isolated
  /// s(A, Δ₂) − s(B, Δ₂): other q and k at the same positions; what hidden states bring. With ``isolated`` it adds up to ``propagated``,
  /// pair by pair and before magnitudes are taken.
  case carried
  /// s(A, Δ₁) − s(C, Δ₁): what another order of summation, or number of threads, or batch gives at the same positions.
  case null
}

/// A comparison of captured runs under recipes.
public struct PropagatedExperiment: Sendable {
  /// A, at Δ₁.
  public let first: CapturedRun
  /// B, at Δ₂.
  public let second: CapturedRun
  /// C, at Δ₁; nil where there is none.
  public let null: CapturedRun?
  /// The isolated part, which also holds recipes, problem, layers, heads and prefix lengths.
  public let isolated: DriftExperiment
  /// Attention as the runs stored it; nil where the files hold none.
  public let stored: StoredAttention?
  /// Whether all runs hold their tokens, so that they were compared.
  public let comparesTokens: Bool
  /// How many pairs of rows of (query, key) ``run(threads:progress:layer:)`` works through: its progress ends at this.
  public let workload: Int

  /// The differences that are measured.
  public var modes: [PropagatedMode] {
    null == nil ? [.propagated, .isolated, .carried] : PropagatedMode.allCases
  }

  /// The pair (Δ₁, Δ₂).
  public var shifts: ShiftPair { ShiftPair(first.shift, second.shift) }

  /// Checks and makes a comparison.
  ///
  /// - Parameters:
  ///   - first: A.
  ///   - second: B.
  ///   - null: C, or nil.
  ///   - embedding: sizes, base, layout.
  ///   - scale: the scale of the logits.
  ///   - softcap: the cap of the logits; nil for none.
  ///   - recipes: at least one.
  ///   - layers: nil for all, and then the runs must have the same ones.
  ///   - heads: nil for all.
  ///   - lengths: nil for the powers of two from 64 to T.
  /// - Throws: ``ComparisonInputError`` where the runs do not fit each other; ``ExperimentError``, ``ProblemError``, ``UndecidedRounding``.
  public init(
    first: CapturedRun, second: CapturedRun, null: CapturedRun? = nil, embedding: RotaryEmbedding,
    scale: AttentionScale = .inverseSquareRootOfHeadSize, softcap: NumberLiteral? = nil, recipes: [Recipe],
    layers: [Int]? = nil, heads: [Int]? = nil, lengths: [Int]? = nil
  ) throws {
    self.first = first
    self.second = second
    self.null = null
    guard first.shift != second.shift else {
      throw second.unfit(
        "a run at another shift than \(first.input.spelling)", "shift \(second.shift) in both",
        "capture the second run with another --shift")
    }
    for run in [first, second] {
      if let kind = run.nullKind {
        throw run.unfit(
          "a plain run", "a null control ('\(kind)')", "give the null control with --null alone")
      }
    }
    if let null, null.shift != first.shift {
      throw null.unfit(
        "the shift of \(first.input.spelling), \(first.shift)", "\(null.shift)",
        "capture the null control at the first run's --shift")
    }
    isolated = try DriftExperiment(
      input: first.input, embedding: embedding, scale: scale, softcap: softcap, recipes: recipes,
      layers: layers, heads: heads, comparisons: [ShiftPair(first.shift, second.shift)], lengths: lengths)
    let chosen = isolated.layers
    comparesTokens = try ([second] + (null.map { [$0] } ?? [])).reduce(true) { all, other in
      let compared = try first.checkAgreement(with: other, layers: chosen, comparesAll: layers == nil)
      return all && compared
    }
    stored = try StoredAttention(
      first: first, second: second, null: null, layers: chosen, shape: isolated.shape)
    // Each recipe's rows at every run, and the stored rows.
    let runs = null == nil ? 3 : 4
    let (work, overflow) = isolated.workload.multipliedReportingOverflow(by: runs * recipes.count)
    guard !overflow else {
      throw ExperimentError.tooLarge(
        "the run would work through more than 2^63 pairs of queries and keys; choose fewer --layers, --heads or recipes"
      )
    }
    workload = work
  }

  /// The captures and shifts of which rows are made.
  var rowSources: [RowSource] {
    var sources = [
      RowSource(input: first.input, run: 0), RowSource(input: second.input, run: 1),
      RowSource(input: first.input, run: 1),
    ]
    if let null { sources.append(RowSource(input: null.input, run: 0)) }
    return sources
  }
}

/// q and k of one capture at one of the two shifts.
struct RowSource: Sendable {
  let input: AttentionInput
  /// 0 for Δ₁, 1 for Δ₂.
  let run: Int
}

extension PropagatedMode {
  /// Indices into ``PropagatedExperiment/rowSources``: minuend and subtrahend.
  var sources: (Int, Int) {
    switch self {
    case .propagated: (0, 1)
    case .isolated: (0, 2)
    case .carried: (2, 1)
    case .null: (0, 3)
    }
  }
}
