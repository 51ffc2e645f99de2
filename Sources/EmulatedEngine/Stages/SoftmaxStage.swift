// The softmax stage in the plain tier: tiles, weights, and sums of weights.

import ArbitraryPrecision
import FloatingPointFormats

extension Recipe.Softmax {
  /// The keys that a query sees, tile by tile in the order in which an implementation visits them: one part for a full row.
  ///
  /// - Parameters:
  ///   - visible: the keys' indices, which are their places.
  ///   - headSize: d, on which the size of a tile may depend.
  /// - Returns: parts of `visible`, none of them empty.
  public func tiles(of visible: Range<Int>, headSize: Int) -> [Range<Int>] {
    tiles(ofPlaces: Array(visible), headSize: headSize).map {
      visible.lowerBound + $0.lowerBound..<visible.lowerBound + $0.upperBound
    }
  }

  /// The tiles of keys at any places: a tile is all visible keys whose places share a multiple of its size, and one without a visible
  /// key is not visited.
  ///
  /// - Parameters:
  ///   - places: the places of the visible keys, ascending.
  ///   - headSize: d, on which the size of a tile may depend.
  /// - Returns: ranges of indices into `places`, none of them empty.
  public func tiles(ofPlaces places: [Int], headSize: Int) -> [Range<Int>] {
    guard let last = places.last else { return [] }
    guard case .online(let tile, let order) = algorithm else { return [places.indices] }
    let size = tile.size(headSize: headSize)
    func tiles(_ indices: Range<Int>) -> [Range<Int>] {
      groupsOfPlaces(places[indices], sharing: size)
    }
    switch order {
    case .ascending: return tiles(places.indices)
    case .descending: return tiles(places.indices).reversed()
    case .diagonalFirst(let block):
      let first = places.firstIndex { $0 >= last / block * block }!
      return tiles(first..<places.count) + tiles(0..<first)
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

  /// Takes in the weights of a tile, one a place; `factor` rescales what is there, nil for the first tile.
  mutating func add(_ weights: [StageValue], places: [Int], rescaledBy factor: StageValue?) throws {
    let first = places[0]
    if stage.tiles == .running {
      if let factor {
        for lane in lanes.indices {
          lanes[lane] = try stage.rounding.product(
            lanes[lane], factor, counter(.softmaxSum, first), step: 10 + lane)
        }
      }
      try addRunning(weights, places)
      return
    }
    var own = self
    (own.lanes, own.total) = (Self.start(stage), .number(0))
    try own.addRunning(weights, places)
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

  private mutating func addRunning(_ weights: [StageValue], _ places: [Int]) throws {
    let chain = stage.rounding
    switch stage.order {
    case .lanes(let count, _, _):
      for (weight, place) in zip(weights, places) {
        let lane = place / stage.laneWidth % count
        lanes[lane] = try chain.sum(lanes[lane], weight, counter(.softmaxSum, place))
      }
    case .blocks(let size):
      for block in groupsOfPlaces(places[...], sharing: size) {
        var partial = StageValue.number(0)
        for index in block {
          partial = try chain.sum(partial, weights[index], counter(.softmaxSum, places[index]))
        }
        lanes[0] = try chain.sum(
          lanes[0], partial, counter(.softmaxSum, places[block.lowerBound]), step: 1)
      }
    case .pairwise:
      lanes = [
        try pairwiseSum(weights, places: places) { a, b, level, index in
          try chain.sum(a, b, counter(.softmaxFold, index), step: level)
        }
      ]
    case .exact: lanes = [try exactSum(lanes + weights)]
    default:
      for (weight, place) in zip(weights, places) {
        lanes[0] = try chain.sum(lanes[0], weight, counter(.softmaxSum, place))
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
