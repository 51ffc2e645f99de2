// The softmax stage in the plain tier: tiles, weights, and sums of weights.

import ArbitraryPrecision
import FloatingPointFormats

extension Recipe.Softmax {
  /// The keys that a query sees, tile by tile in the order in which an implementation visits them: one part for a full row.
  ///
  /// - Parameters:
  ///   - visible: the keys' indices.
  ///   - headSize: d, on which the size of a tile may depend.
  /// - Returns: parts of `visible`, none of them empty.
  public func tiles(of visible: Range<Int>, headSize: Int) -> [Range<Int>] {
    guard !visible.isEmpty else { return [] }
    guard case .online(let tile, let order) = algorithm else { return [visible] }
    let size = tile.size(headSize: headSize)
    func tiles(_ keys: Range<Int>) -> [Range<Int>] {
      guard !keys.isEmpty else { return [] }
      return (keys.lowerBound / size...(keys.upperBound - 1) / size).map { index in
        max(index * size, keys.lowerBound)..<min((index + 1) * size, keys.upperBound)
      }
    }
    switch order {
    case .ascending: return tiles(visible)
    case .descending: return tiles(visible).reversed()
    case .diagonalFirst(let block):
      let first = max(visible.lowerBound, (visible.upperBound - 1) / block * block)
      return tiles(first..<visible.upperBound) + tiles(visible.lowerBound..<first)
    }
  }

  /// c under exp2; nil without it.
  ///
  /// - Throws: ``UndecidedRounding``.
  func storedFactor(
    _ logit: Recipe.Logit, _ scaleFactor: StageValue, _ softcap: StoredSoftcap?
  ) throws -> StageValue? {
    guard exponential != .exp else { return nil }
    if logit.scaling == .insideExponential { return softcap?.factor ?? scaleFactor }
    return try log2e.round(
      .real(Emulation.naturalLogarithmOf2.reciprocal), StageCounter(.softmaxExponent))
  }
}

/// The weights of one row and what rescales them; see ``Recipe/Softmax``.
struct PlainWeights {
  let stage: Recipe.Softmax
  /// c; not read with ``Recipe/Softmax/Exponential/exp``.
  let factor: StageValue
  let place: ScorePlace

  private var base: ExponentialBase { stage.exponential == .exp ? .e : .two }

  private func shift(_ maximum: Double, _ key: Int) throws -> StageValue {
    try stage.exponent.product(
      .number(maximum), factor, place.with(key: key).counter(.softmaxExponent), step: 1)
  }

  /// e_j for a maximum m.
  func weight(_ x: Double, maximum: Double, key: Int) throws -> StageValue {
    let place = place.with(key: key)
    let counter = place.counter(.softmaxDifference)
    let difference: StageValue
    switch stage.exponential {
    case .exp: difference = try stage.difference.sum(.number(x), .number(-maximum), counter)
    case .exp2:
      let exponent = try stage.exponent.product(.number(x), factor, place.counter(.softmaxExponent))
      difference = try stage.difference.sum(exponent, shift(maximum, key).negated, counter)
    case .exp2Fused:
      difference = try stage.difference.fusedProductSum(
        .number(x), factor, shift(maximum, key).negated, counter)
    }
    return try stage.rounding.exponential(difference, base: base, place.counter(.softmaxExponential))
  }

  /// f, by which everything from before is multiplied where a tile that begins with `key` raises the maximum.
  func rescaling(from old: Double, to new: Double, key: Int) throws -> StageValue {
    let place = place.with(key: key)
    let counter = place.counter(.softmaxDifference)
    var difference: StageValue
    switch stage.exponential {
    case .exp: difference = try stage.difference.sum(.number(old), .number(-new), counter, step: 1)
    case .exp2:
      difference = try stage.difference.sum(shift(old, key), shift(new, key).negated, counter, step: 1)
    case .exp2Fused:
      difference = try stage.exponent.product(
        stage.difference.sum(.number(old), .number(-new), counter, step: 1), factor,
        place.counter(.softmaxExponent), step: 2)
    }
    return try stage.rounding.exponential(
      difference, base: base, place.counter(.softmaxExponential), step: 1)
  }
}

/// The sum of a row's weights as its stage adds them.
struct PlainWeightSum {
  private let stage: Recipe.Softmax.Sum
  private let place: ScorePlace
  private var lanes: [StageValue]
  private var total = StageValue.number(0)

  init(_ stage: Recipe.Softmax.Sum, _ place: ScorePlace) {
    self.stage = stage
    self.place = place
    lanes = Self.start(stage)
  }

  private static func start(_ stage: Recipe.Softmax.Sum) -> [StageValue] {
    if case .lanes(let count, _, _) = stage.order { return Array(repeating: .number(0), count: count) }
    return [.number(0)]
  }

  private func counter(_ stage: StageCounter.Stage, _ key: Int) -> StageCounter {
    place.with(key: key).counter(stage)
  }

  /// Takes in the weights of a tile; `factor` rescales what is there, nil for the first tile.
  mutating func add(_ weights: [StageValue], keys: Range<Int>, rescaledBy factor: StageValue?) throws {
    let first = keys.lowerBound
    if stage.tiles == .running {
      if let factor {
        for lane in lanes.indices {
          lanes[lane] = try stage.rounding.product(
            lanes[lane], factor, counter(.softmaxSum, first), step: 10 + lane)
        }
      }
      try addRunning(weights, keys)
      return
    }
    var own = self
    (own.lanes, own.total) = (Self.start(stage), .number(0))
    try own.addRunning(weights, keys)
    let tile = try own.folded(first)
    guard let factor else {
      total = tile
      return
    }
    let join = counter(.softmaxSum, first)
    if stage.tiles == .fused {
      total = try stage.rounding.fusedProductSum(total, factor, tile, join, step: 5)
    } else {
      total = try stage.rounding.sum(
        stage.rounding.product(total, factor, join, step: 4), tile, join, step: 5)
    }
  }

  /// The sum of everything.
  func result() throws -> StageValue { stage.tiles == .running ? try folded(0) : total }

  private mutating func addRunning(_ weights: [StageValue], _ keys: Range<Int>) throws {
    let chain = stage.rounding
    switch stage.order {
    case .lanes(let count, _, _):
      for (weight, key) in zip(weights, keys) {
        let lane = key / stage.laneWidth % count
        lanes[lane] = try chain.sum(lanes[lane], weight, counter(.softmaxSum, key))
      }
    case .blocks(let size):
      var start = 0
      while start < weights.count {
        let block = (keys.lowerBound + start) / size
        let end = min(weights.count, (block + 1) * size - keys.lowerBound)
        var partial = StageValue.number(0)
        for index in start..<end {
          partial = try chain.sum(partial, weights[index], counter(.softmaxSum, keys.lowerBound + index))
        }
        lanes[0] = try chain.sum(
          lanes[0], partial, counter(.softmaxSum, keys.lowerBound + start), step: 1)
        start = end
      }
    case .pairwise:
      lanes = [
        try pairwiseSum(weights.map { $0 }, firstIndex: keys.lowerBound) { a, b, level, index in
          try chain.sum(a, b, counter(.softmaxFold, index), step: level)
        }
      ]
    case .exact: lanes = [try exactSum(lanes + weights)]
    default:
      for (weight, key) in zip(weights, keys) {
        lanes[0] = try chain.sum(lanes[0], weight, counter(.softmaxSum, key))
      }
    }
  }

  private func folded(_ key: Int) throws -> StageValue {
    guard case .lanes(_, let neighbours, _) = stage.order else { return lanes[0] }
    return try foldedLanes(lanes, neighbours: neighbours) { a, b, level, lane in
      try stage.rounding.sum(a, b, counter(.softmaxFold, key), step: 1000 + level << 12 + lane)
    }
  }
}

/// Neighbours added level by level, where term t has index firstIndex + t and pairs are (2i, 2i + 1); a term without a partner moves up
/// unchanged.
func pairwiseSum(
  _ terms: [StageValue], firstIndex: Int,
  _ add: (StageValue, StageValue, _ level: Int, _ index: Int) throws -> StageValue
) rethrows -> StageValue {
  var (level, first, depth) = (terms, firstIndex, 0)
  while level.count > 1 {
    var next: [StageValue] = []
    var index = 0
    while index < level.count {
      let place = first + index
      if place.isMultiple(of: 2), index + 1 < level.count {
        next.append(try add(level[index], level[index + 1], depth, place / 2))
        index += 2
      } else {
        next.append(level[index])
        index += 1
      }
    }
    (level, first, depth) = (next, first / 2, depth + 1)
  }
  return level[0]
}

/// Lanes folded by halves until `neighbours` are left, from there neighbours added, as in the dot stage.
func foldedLanes(
  _ lanes: [StageValue], neighbours: Int,
  _ add: (StageValue, StageValue, _ level: Int, _ lane: Int) throws -> StageValue
) rethrows -> StageValue {
  var (lanes, level) = (lanes, 0)
  while lanes.count > 1 {
    let half = lanes.count / 2
    let folds = lanes.count > neighbours
    lanes = try (0..<half).map { lane in
      try folds
        ? add(lanes[lane], lanes[lane + half], level, lane)
        : add(lanes[2 * lane], lanes[2 * lane + 1], level, lane)
    }
    level += 1
  }
  return lanes[0]
}

/// Σ terms without rounding; NaN and infinities as IEEE 754 adds them, an exact zero is +0.
func exactSum(_ terms: [StageValue]) throws -> StageValue {
  let special = terms.compactMap { term -> Double? in
    if case .number(let x) = term, !x.isFinite { x } else { nil }
  }
  if let first = special.first { return .number(special.dropFirst().reduce(first, +)) }
  let total = ExactReal.sum(terms.compactMap(\.exactReal))
  return total.isZero ? .number(0) : .real(total)
}
