// The output stage in the plain tier: the sum over keys of probability times value, one channel at a time.

import ArbitraryPrecision
import FloatingPointFormats

/// The accumulator of one channel of one query's output; see ``Recipe/Output``.
struct PlainOutputSum {
  private let stage: Recipe.Output
  private let place: ScorePlace
  private let channel: Int
  private var lanes: [StageValue]
  private var exactTerms: [StageValue] = []

  init(_ stage: Recipe.Output, _ place: ScorePlace, channel: Int) {
    self.stage = stage
    self.place = place
    self.channel = channel
    lanes = [.number(0)]
    if let count = stage.order.laneCount { lanes = Array(repeating: .number(0), count: count) }
  }

  private func counter(_ stage: StageCounter.Stage, _ key: Int) -> StageCounter {
    place.with(key: key).counter(stage)
  }

  /// Takes in the keys of a tile, which stand at some places, ascending.
  mutating func add(_ probabilities: [StageValue], _ values: [StageValue], places: [Int]) throws {
    let chain = stage.accumulator
    func product(_ index: Int) throws -> StageValue {
      try chain.product(
        probabilities[index], values[index], counter(.outputProduct, places[index]), step: 2 * channel)
    }
    func taken(_ index: Int, into sum: StageValue, isFused: Bool) throws -> StageValue {
      let counter = counter(.outputProduct, places[index])
      return isFused
        ? try chain.fusedProductSum(
          probabilities[index], values[index], sum, counter, step: 2 * channel + 1)
        : try chain.sum(sum, product(index), counter, step: 2 * channel + 1)
    }
    switch stage.order {
    case .sequential, .sequentialFused:
      for index in places.indices {
        lanes[0] = try taken(index, into: lanes[0], isFused: stage.order == .sequentialFused)
      }
    case .lanesInOrder(let count):
      for index in places.indices {
        let lane = places[index] % count
        lanes[lane] = try taken(index, into: lanes[lane], isFused: false)
      }
    case .lanes(let count, _, let isFused):
      for index in places.indices {
        let lane = places[index] % count
        lanes[lane] = try taken(index, into: lanes[lane], isFused: isFused)
      }
    case .blocks(let size), .blocksFused(let size):
      for block in groupsOfPlaces(places[...], sharing: size) {
        var partial = StageValue.number(0)
        for index in block {
          partial = try taken(index, into: partial, isFused: stage.order == .blocksFused(size))
        }
        lanes[0] = try chain.sum(
          lanes[0], partial, counter(.outputFold, places[block.lowerBound]), step: channel)
      }
    case .tensorCore(let size, let bits, let rounding):
      let unit = TensorCore(format: chain.formats[0], alignmentBits: bits, rounding: rounding)
      for block in groupsOfPlaces(places[...], sharing: size) {
        lanes[0] = .number(
          unit.add(
            try probabilities[block].map { try $0.binary64() }, try values[block].map { try $0.binary64() },
            to: try lanes[0].binary64()))
      }
    case .pairwise:
      lanes = [
        try pairwiseSum(places.indices.map(product), places: places) { a, b, level, index in
          try chain.sum(a, b, counter(.outputFold, level << 24 | index), step: channel)
        }
      ]
    case .exact:
      exactTerms += try zip(probabilities, values).map { try StageValue.product($0, $1) }
      lanes = [try exactSum(exactTerms)]
    }
  }

  /// RN(acc·f) of every lane, at the tile that begins with `key`.
  mutating func rescale(by factor: StageValue, key: Int) throws {
    for lane in lanes.indices {
      lanes[lane] = try stage.rescaling.product(
        lanes[lane], factor, counter(.outputRescaling, key &+ lane << 20), step: channel)
    }
    // An accumulator that stays exact goes on from what rescaling made of it.
    if stage.order == .exact { exactTerms = lanes }
  }

  /// The stored output: the sum, with `sum` normalized by it, rounded.
  func result(dividedBy sum: StageValue?) throws -> StageValue {
    var total = lanes[0]
    if case .lanes(_, let neighbours, _) = stage.order {
      total = try foldedLanes(lanes, neighbours: neighbours) { a, b, level, lane in
        try stage.accumulator.sum(a, b, counter(.outputFold, level << 24 | lane), step: channel)
      }
    }
    if case .lanesInOrder = stage.order {
      for (index, lane) in lanes.enumerated().dropFirst() {
        total = try stage.accumulator.sum(total, lane, counter(.outputFold, index), step: channel)
      }
    }
    if let sum, let normalization = stage.normalization {
      total = try normalization.apply(
        total, sum: sum, counter(.outputNormalization, channel))
    }
    return try stage.rounding.round(total, counter(.output, channel))
  }
}

extension Recipe.Dot.Order {
  /// Terms of a block that is summed by itself; 0 where there are none.
  var blockLength: Int {
    switch self {
    case .blocks(let size), .blocksFused(let size): size
    default: 0
    }
  }

  /// How many accumulators go side by side; nil for one.
  var laneCount: Int? {
    switch self {
    case .lanes(let count, _, _), .lanesInOrder(let count): count
    default: nil
    }
  }
}

extension Recipe.Normalization {
  /// RN(x/l), or RN(x·RN(1/l)).
  func apply(_ value: StageValue, sum: StageValue, _ counter: StageCounter) throws -> StageValue {
    switch algorithm {
    case .divide: try rounding.quotient(value, sum, counter)
    case .reciprocal:
      try rounding.product(value, reciprocal.quotient(.number(1), sum, counter, step: 1), counter)
    }
  }
}
