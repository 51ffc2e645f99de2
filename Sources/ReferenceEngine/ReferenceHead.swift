// Correctly rounded scores of one head: slices in binary64, then sums of two binary64 numbers, then MPFR, then the exact decision.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RotaryAttention

/// Correctly rounded reference scores of one head: its keys rotated once, its queries a few at a time.
///
/// Every tier proves that its rounding is right, or leaves the score to the next: `Documentation/ErrorBounds.md` derives the bounds.
/// Which tier decides never changes a bit of a score.
public final class ReferenceHead: Sendable {
  let problem: ReferenceProblem
  let trigonometry: ReferenceTrigonometry
  let rotation: VectorRotation
  let keys: [Double]
  let keyRows: [Int]
  let format: FloatingPointFormat
  let path: KernelPath
  /// The fast tiers; nil where a softcap, an extreme scale or `Tier.simple` leaves them out.
  let slicedKeys: SlicedKeys?
  let scaleParts: (high: Double, low: Double)
  /// scale·F²·(d + 12)·2^−127, which bounds the error of the MPFR tier relative to ‖q‖‖k‖.
  let scaleBound: Double
  /// A bound on the norm of each stored key.
  let keyNorms: [Double]
  // (keys, d): rotated keys in MPFR where all scores need them.
  let rotatedKeys: MPFRArena?

  /// Rotates the keys of one head.
  ///
  /// - Parameters:
  ///   - problem: the problem; its angles must be those of `trigonometry`.
  ///   - trigonometry: cos and sin by row.
  ///   - keys: (tokens, d) row-major.
  ///   - keyRows: for each key, the row of its position in `trigonometry`.
  ///   - format: what scores are rounded to (nearest even); a subset of binary64.
  ///   - tier: `simple` leaves the fast tiers out: for tests and for benchmarks.
  ///   - path: which way the kernels go.
  public init(
    problem: ReferenceProblem, trigonometry: ReferenceTrigonometry, keys: [Double], keyRows: [Int],
    format: FloatingPointFormat = .fp64, tier: Tier = .fast, path: KernelPath = .ofProcess
  ) {
    precondition(keys.count == keyRows.count * problem.embedding.headSize)
    self.problem = problem
    self.trigonometry = trigonometry
    self.keys = keys
    self.keyRows = keyRows
    self.format = format
    self.path = path
    rotation = VectorRotation(problem.embedding, trigonometry)
    let size = problem.embedding.headSize
    let scale = Self.ceiling(problem.scale)
    let factor = Self.ceiling(problem.attentionFactor)
    // Three products, each within 2^−53: covered by the slack of the bound.
    scaleBound = scale * max(1, factor) * max(1, factor) * Double(size + 12) * 0x1p-127
    scaleParts = problem.scale.interval(precision: 192).leadingTwoNumbers
    let isFast =
      tier == .fast && problem.softcap == nil && scale > 0x1p-100 && scale < 0x1p100
      && factor > 0x1p-100 && factor < 0x1p100
    slicedKeys = isFast ? SlicedKeys(keys: keys, rows: keyRows, rotation: rotation, path: path) : nil
    keyNorms = keys.withUnsafeBufferPointer { keys in
      keyRows.indices.map {
        Self.normBound(UnsafeBufferPointer(rebasing: keys[$0 * size..<($0 + 1) * size]))
      }
    }
    rotatedKeys = isFast ? nil : Self.rotated(keys, rows: keyRows, rotation)
  }

  /// All vectors in MPFR.
  static func rotated(_ vectors: [Double], rows: [Int], _ rotation: VectorRotation) -> MPFRArena {
    let size = rotation.embedding.headSize
    let arena = MPFRArena(count: vectors.count, precision: ReferenceTrigonometry.precision)
    vectors.withUnsafeBufferPointer { vectors in
      for (token, row) in rows.enumerated() {
        rotation.rotate(vectors.baseAddress! + token * size, row: row, into: arena, at: token * size)
      }
    }
    return arena
  }

  /// The least binary64 number that is not below a real number.
  private static func ceiling(_ value: ExactReal) -> Double {
    mpfr_get_d(value.interval(precision: 128).upper, MPFR_RNDU)
  }

  /// Which tiers compute scores.
  public enum Tier: Sendable {
    /// Binary64 first, MPFR where it does not decide.
    case fast
    /// MPFR alone.
    case simple
  }

  /// How many scores each way of deciding took.
  public struct Counts: Sendable, Equatable {
    /// Decided in binary64 slices.
    public var sliced = 0
    /// Decided in sums of two binary64 numbers.
    public var doubleDouble = 0
    /// Decided in MPFR by a bound.
    public var bounded = 0
    /// Decided exactly: by the relative form, or zero because a vector is.
    public var relativeForm = 0
    /// NaN, because a vector holds a NaN or an infinity.
    public var nonFinite = 0

    /// Zero of each.
    public init() {}

    /// Adds other counts.
    public static func += (a: inout Counts, b: Counts) {
      a.sliced += b.sliced
      a.doubleDouble += b.doubleDouble
      a.bounded += b.bounded
      a.relativeForm += b.relativeForm
      a.nonFinite += b.nonFinite
    }
  }

  /// The scores of one query against a range of keys; see ``scores(queries:queryRows:keys:into:stride:)``.
  ///
  /// - Parameters:
  ///   - query: d channels.
  ///   - queryRow: the row of the query's position in the table.
  ///   - range: which keys.
  ///   - scores: one place a key of `range`.
  /// - Throws: ``UndecidedRounding``.
  public func scores(
    query: UnsafeBufferPointer<Double>, queryRow: Int, keys range: Range<Int>,
    into scores: UnsafeMutableBufferPointer<Double>
  ) throws -> Counts {
    try self.scores(queries: query, queryRows: [queryRow], keys: [range], into: scores, stride: range.count)
  }

  /// The scores of some queries, each against its range of keys, correctly rounded to the format (nearest even), as binary64.
  ///
  /// A score whose query or key holds a NaN or an infinity is NaN. Several queries at a time are faster than one by one; 32 suffice.
  ///
  /// - Parameters:
  ///   - queries: (queries, d).
  ///   - queryRows: for each query, the row of its position in the table.
  ///   - ranges: for each query, its keys.
  ///   - scores: the score of query i and key `ranges[i].lowerBound + j` goes to i·stride + j; no other place is written.
  ///   - stride: at least the longest range, where there is more than one query.
  /// - Throws: ``UndecidedRounding`` where a score is not known to be transcendental and its rounding stays open.
  public func scores(
    queries: UnsafeBufferPointer<Double>, queryRows: [Int], keys ranges: [Range<Int>],
    into scores: UnsafeMutableBufferPointer<Double>, stride: Int
  ) throws -> Counts {
    precondition(queries.count == queryRows.count * problem.embedding.headSize)
    precondition(ranges.count == queryRows.count)
    for (query, range) in ranges.enumerated() where !range.isEmpty {
      precondition(range.lowerBound >= 0 && range.upperBound <= keyRows.count)
      precondition(range.count <= stride || ranges.count == 1)
      precondition(query * stride + range.count <= scores.count)
    }
    guard ranges.contains(where: { !$0.isEmpty }) else { return Counts() }
    let block = ScoreBlock(
      head: self, queries: queries, queryRows: queryRows, ranges: ranges, scores: scores.baseAddress!,
      stride: stride)
    try block.run()
    return block.counts
  }

  func isFinite(key: Int) -> Bool {
    let size = problem.embedding.headSize
    return keys[key * size..<(key + 1) * size].allSatisfy(\.isFinite)
  }

  /// A bound ‖x‖ ≤ result: the computed norm, whose relative error is below (n + 2)·2^−53, raised by 2^−30; infinite where the
  /// squares overflow, and not below 2^−500 where they might underflow.
  static func normBound(_ vector: UnsafeBufferPointer<Double>) -> Double {
    var sum = 0.0
    var isZero = true
    for x in vector {
      sum += x * x
      if x != 0 { isZero = false }
    }
    return isZero ? 0 : max(sum.squareRoot() * (1 + 0x1p-30), 0x1p-500)
  }
}
