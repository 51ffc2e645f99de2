// One row of attention from what the softmax stage reads to the stored output, in the plain tier: what the fast tier is held to.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// One query's probabilities and output.
public struct PlainAttentionRow: Sendable {
  /// P of each visible key as the product with the values takes it (before `probabilityOperand`); of an online softmax relative to
  /// the maximum that held at its tile, and not normalized.
  public var stored: [StageValue]
  /// P normalized: of a full row ``stored`` in binary64, of an online softmax what ``Emulation/attentionRow(_:keys:values:place:)`` says.
  public var probabilities: [Double]
  /// o, d channels.
  public var output: [StageValue]
  /// Of an online softmax the greatest input m and the sum l of the weights, as they stand before the normalization; nil for a full
  /// row, and for a row that is NaN throughout or sees no key.
  public var statistics: (maximum: Double, sum: StageValue)?
}

extension Emulation {
  /// Softmax, probability and output stages of one query.
  ///
  /// A row with a NaN or with +∞ gives NaN throughout, in every algorithm; one with nothing but −∞ gives NaN for a full row, and 0
  /// for an online softmax, which takes a maximum of −∞ for 0 and a sum of 0 for 1. A query that sees no key has the output +0.
  ///
  /// Normalized probabilities of an online softmax, in binary64 (nearest even) whatever the recipe's formats are: P_j of tile τ
  /// becomes RN(RN(P_j·g_τ)/l), where g is 1 for the last tile and g_τ = RN(g_(τ+1)·f_(τ+1)) before it, f the stored factors of
  /// rescaling and l the stored sum. (An implementation never forms them.)
  ///
  /// - Parameters:
  ///   - inputs: what the softmax stage reads, one number a visible key: see ``Recipe/Softmax``.
  ///   - keys: the visible keys' indices, which are their places.
  ///   - values: for each of them its d operands, as ``EmulatedValues`` holds them.
  ///   - place: which query, layer and head.
  ///   - hasValues: false for probabilities alone; `values` then holds empty rows.
  /// - Throws: ``UndecidedRounding``.
  public func attentionRow(
    _ inputs: [Double], keys: Range<Int>, values: [[Double]], place: ScorePlace, hasValues: Bool = true
  ) throws -> PlainAttentionRow {
    try attentionRow(
      inputs, runs: [KeyRun(keys: keys, place: keys.lowerBound)], values: values, place: place,
      hasValues: hasValues)
  }

  /// The same over several runs of keys.
  ///
  /// Tiles, lanes, blocks, pairs and matrix units' blocks are cut by the keys' places: two runs that share a tile are one tile, with
  /// one maximum and one rescaling. A tile or block without a visible key does not exist. Pairs are the places 2i and 2i + 1, level by
  /// level; where one of them is not visible, the other moves up. The words of stochastic rounding are those of places.
  ///
  /// - Parameters:
  ///   - inputs: one number a visible key, in the order of the runs.
  ///   - runs: the visible keys; only their places count here.
  ///   - values: likewise.
  ///   - place: which query, layer and head.
  ///   - hasValues: false for probabilities alone; `values` then holds empty rows.
  /// - Precondition: the places ascend.
  /// - Throws: ``UndecidedRounding``.
  public func attentionRow(
    _ inputs: [Double], runs: [KeyRun], values: [[Double]], place: ScorePlace, hasValues: Bool = true
  ) throws -> PlainAttentionRow {
    precondition(runs.haveAscendingPlaces, "places of a row's keys must ascend")
    let keys = runs.flatMap(\.places)
    precondition(inputs.count == keys.count && values.count == keys.count)
    let size = hasValues ? embedding.headSize : 0
    guard !keys.isEmpty else {
      return PlainAttentionRow(
        stored: [], probabilities: [], output: Array(repeating: .number(0), count: size))
    }
    if inputs.contains(where: { $0.isNaN || $0 == .infinity }) {
      return PlainAttentionRow(
        stored: Array(repeating: .number(.nan), count: keys.count),
        probabilities: Array(repeating: .nan, count: keys.count),
        output: Array(repeating: .number(.nan), count: size))
    }
    if let softmax = recipe.softmax, softmax.algorithm != .fullRow {
      return try onlineRow(inputs, keys, values, place, softmax, channels: size)
    }
    let stored = try fullRow(inputs, keys, place)
    return PlainAttentionRow(
      stored: stored, probabilities: try stored.map { try $0.binary64() },
      output: hasValues ? try output(stored, keys, values, place) : [])
  }

  /// P of a full row.
  private func fullRow(_ inputs: [Double], _ keys: [Int], _ place: ScorePlace) throws -> [StageValue] {
    var normalized: [StageValue]
    if let softmax = recipe.softmax {
      let weights = PlainWeights(stage: softmax, factor: softmaxFactor ?? .number(1), place: place)
      let maximum = inputs.max()!
      let e = try zip(inputs, keys).map { try weights.weight($0, maximum: maximum, key: $1) }
      var sum = PlainWeightSum(softmax.sum, place)
      try sum.add(e, places: keys, rescaledBy: nil)
      let l = try sum.result()
      normalized = try zip(e, keys).map {
        try softmax.normalization!.apply($0, sum: l, place.with(key: $1).counter(.softmaxNormalization))
      }
    } else {
      var row = inputs
      row.withUnsafeMutableBufferPointer { defaultSoftmax(UnsafeBufferPointer($0), into: $0) }
      normalized = row.map(StageValue.number)
    }
    return try zip(normalized, keys).map {
      try recipe.probability.round($0, place.with(key: $1).counter(.probability))
    }
  }

  /// The operands that stored probabilities are multiplied as.
  private func operands(_ stored: [StageValue], _ keys: [Int], _ place: ScorePlace) throws
    -> [StageValue]
  {
    guard let chain = recipe.output?.probabilityOperand, !chain.isExact else { return stored }
    return try zip(stored, keys).map {
      try chain.round($0, place.with(key: $1).counter(.probabilityOperand))
    }
  }

  /// The outputs of a full row: by the output stage, or the exact sum in binary64.
  private func output(
    _ stored: [StageValue], _ keys: [Int], _ values: [[Double]], _ place: ScorePlace
  ) throws -> [StageValue] {
    let operands = try operands(stored, keys, place)
    return try (0..<embedding.headSize).map { channel in
      let column = values.map { StageValue.number($0[channel]) }
      guard let output = recipe.output else {
        let terms = try zip(operands, column).map { try StageValue.product($0, $1) }
        return .number(try exactSum(terms).binary64())
      }
      var sum = PlainOutputSum(output, place, channel: channel)
      try sum.add(operands, column, places: keys)
      return try sum.result(dividedBy: nil)
    }
  }

  private func onlineRow(
    _ inputs: [Double], _ keys: [Int], _ values: [[Double]], _ place: ScorePlace,
    _ softmax: Recipe.Softmax, channels size: Int
  ) throws -> PlainAttentionRow {
    let weights = PlainWeights(stage: softmax, factor: softmaxFactor ?? .number(1), place: place)
    let tiles = softmax.tiles(ofPlaces: keys, headSize: embedding.headSize)
    var sum = PlainWeightSum(softmax.sum, place)
    var outputs = (0..<size).map { PlainOutputSum(recipe.output!, place, channel: $0) }
    var stored = [StageValue](repeating: .number(0), count: keys.count)
    var factors: [Double] = []
    var maximum = -Double.infinity
    for (index, places) in tiles.enumerated() {
      let tile = Array(keys[places])
      let old = maximum
      maximum = max(old, inputs[places].max()!)
      // −∞ − (−∞) would be NaN: a tile without a finite score adds nothing.
      let shift = maximum == -.infinity ? 0 : maximum
      let factor = index == 0 ? nil : try weights.rescaling(from: old, to: shift, key: tile[0])
      let e = try zip(inputs[places], tile).map { try weights.weight($0, maximum: shift, key: $1) }
      try sum.add(e, places: tile, rescaledBy: factor)
      let p = try zip(e, tile).map {
        try recipe.probability.round($0, place.with(key: $1).counter(.probability))
      }
      stored.replaceSubrange(places, with: p)
      let operands = try operands(p, tile, place)
      for channel in 0..<size {
        if let factor { try outputs[channel].rescale(by: factor, key: tile[0]) }
        try outputs[channel].add(operands, values[places].map { .number($0[channel]) }, places: tile)
      }
      factors.append(try factor?.binary64() ?? 1)
    }
    let l = try sum.result()
    let total = try l.signed() == 0 ? .number(1) : l
    return PlainAttentionRow(
      stored: stored,
      probabilities: normalizedOnline(
        try stored.map { try $0.binary64() }, tiles, factors: factors, sum: try total.binary64()),
      output: try outputs.map { try $0.result(dividedBy: total) }, statistics: (maximum, l))
  }
}

/// Stored probabilities of an online softmax, normalized; `factors` has one a tile in the order of visiting, of which the first is not
/// used.
func normalizedOnline(
  _ stored: [Double], _ tiles: [Range<Int>], factors: [Double], sum: Double
) -> [Double] {
  var result = stored
  var product = 1.0
  for (index, tile) in tiles.enumerated().reversed() {
    for place in tile { result[place] = result[place] * product / sum }
    product *= factors[index]
  }
  return result
}
