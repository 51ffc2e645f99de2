// Some queries of a head against their keys: the fast tier over all, the others where it does not decide.

import ArbitraryPrecision
import CMPFR
import FloatingPointFormats
import RoundingKernels

/// One call's work; used by one thread.
final class ScoreBlock {
  private(set) var counts = ReferenceHead.Counts()
  private let head: ReferenceHead
  private let queries: UnsafeBufferPointer<Double>
  private let queryRows: [Int]
  private let ranges: [Range<Int>]
  private let scores: UnsafeMutablePointer<Double>
  private let stride: Int
  private let size: Int
  private let queryNorms: [Double]
  private let sliced: SlicedQueries?
  private let decision: DecidingTiers
  // Keys of the block at hand, rotated to two numbers a component when first asked for.
  private var rotatedKeys: [RotatedPair?] = Array(repeating: nil, count: SlicedKeys.width)
  private var rotatedBlock = -1

  init(
    head: ReferenceHead, queries: UnsafeBufferPointer<Double>, queryRows: [Int], ranges: [Range<Int>],
    scores: UnsafeMutablePointer<Double>, stride: Int
  ) {
    self.head = head
    self.queries = queries
    self.queryRows = queryRows
    self.ranges = ranges
    self.scores = scores
    self.stride = stride
    let size = head.problem.embedding.headSize
    self.size = size
    queryNorms = queryRows.indices.map {
      ReferenceHead.normBound(UnsafeBufferPointer(rebasing: queries[$0 * size..<($0 + 1) * size]))
    }
    sliced = head.slicedKeys.map { _ in
      SlicedQueries(
        queries.baseAddress!, rows: queryRows, ranges: ranges, scores: scores, stride: stride,
        scale: head.scaleParts, rotation: head.rotation, path: head.path)
    }
    decision = DecidingTiers(head: head, queries: queries, queryRows: queryRows)
  }

  func run() throws {
    guard let sliced, let keys = head.slicedKeys else {
      for (query, range) in ranges.enumerated() { try decide(query, keys: range) }
      return
    }
    for (query, range) in ranges.enumerated() where !sliced.norm[query].isFinite {
      try decide(query, keys: range)
    }
    let fast = ranges.indices.filter { sliced.norm[$0].isFinite && !ranges[$0].isEmpty }
    guard let start = fast.map({ ranges[$0].lowerBound }).min(),
      let end = fast.map({ ranges[$0].upperBound }).max()
    else { return }
    let width = SlicedKeys.width
    let blocks = start / width..<(end - 1) / width + 1
    let flags = UnsafeMutablePointer<UInt8>.allocate(capacity: sliced.rowCount * blocks.count)
    defer { flags.deallocate() }
    keys.scores(sliced, blocks: blocks, path: head.path, flags: flags)
    for query in fast { counts.sliced += ranges[query].count }
    let isWide = head.format == .fp64
    for block in blocks {
      for query in fast where !isWide || flags[query * blocks.count + block - blocks.lowerBound] != 0 {
        let range = (block * width..<(block + 1) * width).clamped(to: ranges[query])
        for key in range {
          let place = scores + query * stride + (key - ranges[query].lowerBound)
          if let score = roundedToFormat(place.pointee) {
            place.pointee = score
            continue
          }
          counts.sliced -= 1
          place.pointee = try decided(query, key: key)
        }
      }
    }
  }

  private func decide(_ query: Int, keys range: Range<Int>) throws {
    for (offset, key) in range.enumerated() {
      scores[query * stride + offset] = try decided(query, key: key)
    }
  }

  /// A score that the sliced tier has not decided.
  private func decided(_ query: Int, key: Int) throws -> Double {
    let (queryNorm, keyNorm) = (queryNorms[query], head.keyNorms[key])
    let vector = UnsafeBufferPointer(rebasing: queries[query * size..<(query + 1) * size])
    guard queryNorm.isFinite || vector.allSatisfy(\.isFinite), keyNorm.isFinite || head.isFinite(key: key)
    else {
      counts.nonFinite += 1
      return .nan
    }
    if sliced != nil, queryNorm == 0 || keyNorm == 0 {
      counts.relativeForm += 1
      return 0
    }
    if let score = doubleDouble(query, key: key) {
      counts.doubleDouble += 1
      return score
    }
    let bound = head.scaleBound * (queryNorm * keyNorm)
    if bound.isFinite, bound > 0x1p-900, let score = decision.boundedScore(query, key: key, bound: bound) {
      counts.bounded += 1
      return score
    }
    counts.relativeForm += 1
    return try decision.decidedScore(query, key: key)
  }

  /// The score from sums of two binary64 numbers; nil where these do not decide.
  private func doubleDouble(_ query: Int, key: Int) -> Double? {
    guard let sliced, let keys = head.slicedKeys else { return nil }
    let norms = sliced.norm[query] * keys.norms[key] * (1 + 0x1p-20)
    guard norms.isFinite else { return nil }
    if key / SlicedKeys.width != rotatedBlock {
      rotatedBlock = key / SlicedKeys.width
      for index in rotatedKeys.indices { rotatedKeys[index] = nil }
    }
    let rotated: RotatedPair
    if let known = rotatedKeys[key % SlicedKeys.width] {
      rotated = known
    } else {
      rotated = RotatedPair(channels: size)
      head.keys.withUnsafeBufferPointer {
        head.rotation.rotate(
          $0.baseAddress! + key * size, row: head.keyRows[key], scale: (1, 0), path: head.path,
          high: rotated.high, low: rotated.low)
      }
      rotatedKeys[key % SlicedKeys.width] = rotated
    }
    let first = sliced.rotated[query]
    return roundedToFormat(
      ropedrift_double_double_score(
        first.high, first.low, rotated.high, rotated.low, size, norms,
        norms * VectorSlicing.wholeFactor, head.path.allowsVectors))
  }

  /// A score that is correctly rounded to binary64, rounded to the format; nil where that does not decide, and for NaN.
  ///
  /// The exact score lies nearer to `score` than to any other binary64 number. Where the neighbours of `score` round to one value of
  /// the format, no boundary of its rounding lies between them, and the exact score rounds as they do.
  private func roundedToFormat(_ score: Double) -> Double? {
    let format = head.format
    if score.isNaN || format == .fp64 { return score.isNaN ? nil : score }
    let (below, above) = (
      format.rounded(ExactValue(score.nextDown)), format.rounded(ExactValue(score.nextUp))
    )
    return below == above && below != 0 && below.isFinite ? below : nil
  }
}

/// MPFR with a bound, and the exact decision: what is left when binary64 does not decide.
///
/// Rotated vectors are made when first asked for; queries are kept for the length of one call, keys as long as they are few.
final class DecidingTiers {
  private let head: ReferenceHead
  private let queries: UnsafeBufferPointer<Double>
  private let queryRows: [Int]
  private let size: Int
  private var rotatedQueries: [Int: MPFRArena] = [:]
  private var rotatedKeys: [Int: MPFRArena] = [:]
  private let sum = MPFRNumber(precision: ReferenceTrigonometry.precision)
  private let scale = MPFRNumber(precision: ReferenceTrigonometry.precision)
  private let cap = MPFRNumber(precision: ReferenceTrigonometry.precision)
  private let rounded: MPFRNumber
  private var hasScale = false
  private static let keptKeys = 256

  init(head: ReferenceHead, queries: UnsafeBufferPointer<Double>, queryRows: [Int]) {
    self.head = head
    self.queries = queries
    self.queryRows = queryRows
    size = head.problem.embedding.headSize
    rounded = MPFRNumber(precision: head.format.precision)
  }

  /// The score in the format by d fused multiply-adds, where every number within `bound` of it rounds alike and without under- or
  /// overflow.
  func boundedScore(_ query: Int, key: Int, bound: Double) -> Double? {
    if !hasScale {
      let interval = head.problem.scale.interval(precision: ReferenceTrigonometry.precision)
      mpfr_set(scale.pointer, interval.lower, MPFR_RNDN)
      if let softcap = head.problem.softcap { _ = softcap.write(to: cap.pointer, MPFR_RNDN) }
      hasScale = true
    }
    var a = rotatedQuery(query)
    var b = rotatedKey(key)
    let x = sum.pointer
    mpfr_set_zero(x, 1)
    for _ in 0..<size {
      mpfr_fma(x, a, b, x, MPFR_RNDN)
      a += 1
      b += 1
    }
    mpfr_mul(x, x, scale.pointer, MPFR_RNDN)
    if head.problem.softcap != nil {
      mpfr_div(x, x, cap.pointer, MPFR_RNDN)
      mpfr_tanh(x, x, MPFR_RNDN)
      mpfr_mul(x, x, cap.pointer, MPFR_RNDN)
    }
    guard mpfr_zero_p(x) == 0 else { return nil }
    // MPFR's exponent is one above the binary exponent.
    let exponent = Int(mpfr_get_exp(x)) - 1
    guard exponent > head.format.minimumExponent, exponent < head.format.maximumExponent else { return nil }
    let correctBits = exponent + 1 - (Int(bound.exponent) + 1)
    let precision = mpfr_prec_t(head.format.precision)
    guard correctBits > 0,
      mpfr_can_round(x, mpfr_exp_t(correctBits), MPFR_RNDN, MPFR_RNDN, precision) != 0
    else { return nil }
    mpfr_set(rounded.pointer, x, MPFR_RNDN)
    return mpfr_get_d(rounded.pointer, MPFR_RNDN)
  }

  /// The score in the format by the relative form.
  func decidedScore(_ query: Int, key: Int) throws -> Double {
    let positions = head.trigonometry.positions
    let score = head.problem.relativeFormScore(
      query: Array(queries[query * size..<(query + 1) * size]),
      key: Array(head.keys[key * size..<(key + 1) * size]),
      queryPosition: positions[queryRows[query]], keyPosition: positions[head.keyRows[key]])
    guard let score else { return .nan }
    return head.format.rounded(try score.exactValue())
  }

  private func rotatedQuery(_ query: Int) -> MPFRPointer {
    if let known = rotatedQueries[query] { return known.base }
    let arena = rotated(queries.baseAddress! + query * size, row: queryRows[query])
    rotatedQueries[query] = arena
    return arena.base
  }

  private func rotatedKey(_ key: Int) -> MPFRPointer {
    if let all = head.rotatedKeys { return all.base + key * size }
    if let known = rotatedKeys[key] { return known.base }
    let arena = head.keys.withUnsafeBufferPointer {
      rotated($0.baseAddress! + key * size, row: head.keyRows[key])
    }
    if rotatedKeys.count == Self.keptKeys { rotatedKeys.removeAll() }
    rotatedKeys[key] = arena
    return arena.base
  }

  private func rotated(_ vector: UnsafePointer<Double>, row: Int) -> MPFRArena {
    let arena = MPFRArena(count: size, precision: ReferenceTrigonometry.precision)
    head.rotation.rotate(vector, row: row, into: arena, at: 0)
    return arena
  }
}
