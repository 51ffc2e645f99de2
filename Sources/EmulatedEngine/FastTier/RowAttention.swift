// Softmax, probability and output stages of one query on numbers, held to Emulation.attentionRow bit for bit.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention

/// What an online softmax knows of a row at its end, before normalizing: what merging partial results needs.
public struct RowStatistics: Sendable, Hashable {
  /// The greatest number that the softmax stage read: −∞ without a key, NaN for a row that is NaN throughout.
  public var maximum: Double
  /// The sum of the weights, rounded to binary64 where the recipe leaves it exact; 0 without a key.
  public var sum: Double

  /// Statistics from their numbers.
  public init(maximum: Double, sum: Double) { (self.maximum, self.sum) = (maximum, sum) }
}

/// The stages after the logit stage, their way chosen once; what it does not know goes to the plain tier.
public struct RowAttention: Sendable {
  private let emulation: Emulation
  private let softmax: (stage: Recipe.Softmax, weights: RowWeights, normalization: RowNormalization?)?
  private let probability: ScalarArithmetic?
  private let probabilityRounding: ArrayRoundingChain?
  private let operand: ScalarArithmetic?
  private let outputs: RowOutputs?
  private let isPlain: Bool
  /// The stages over tiles of several rows, where kernels know them.
  let online: OnlineRows?
  /// Whether probabilities of this recipe have a softmax stage of their own.
  public var hasSoftmax: Bool { emulation.recipe.softmax != nil }

  /// Whether rows are gone through tile by tile.
  private var isOnline: Bool { emulation.recipe.softmax.map { $0.algorithm != .fullRow } ?? false }

  /// The stages of a recipe on its problem.
  public init(_ emulation: Emulation) {
    self.emulation = emulation
    let recipe = emulation.recipe
    probability = ScalarArithmetic(nearestEven: recipe.probability)
    probabilityRounding = ArrayRoundingChain(recipe.probability)
    operand = recipe.output.flatMap { ScalarArithmetic(nearestEven: $0.probabilityOperand) }
    outputs = recipe.output.flatMap { RowOutputs($0) }
    var isPlain = !recipe.probability.isExact && probability == nil
    if let output = recipe.output {
      isPlain = isPlain || outputs == nil || !output.probabilityOperand.isExact && operand == nil
    }
    if let stage = recipe.softmax {
      if let weights = RowWeights(emulation), RowWeightSum(stage) != nil,
        stage.normalization == nil || stage.normalization.flatMap(RowNormalization.init) != nil
      {
        softmax = (stage, weights, stage.normalization.flatMap(RowNormalization.init))
      } else {
        softmax = nil
        isPlain = true
      }
    } else {
      softmax = nil
    }
    self.isPlain = isPlain
    online = OnlineRows(emulation)
  }

  /// One row of neighbouring keys, whose places are their indices in the file; see
  /// ``Emulation/attentionRow(_:keys:values:place:hasValues:)`` for what it means.
  ///
  /// - Parameters:
  ///   - inputs: what the softmax stage reads, a number a visible key; left as it is.
  ///   - keys: the visible keys' indices in the file.
  ///   - values: the values of at least these keys; nil for probabilities alone.
  ///   - place: which query, layer and head.
  ///   - probabilities: a place a visible key, for the normalized probabilities.
  ///   - output: d places where there are values.
  /// - Throws: ``UndecidedRounding``.
  public func row(
    _ inputs: UnsafeBufferPointer<Double>, keys: Range<Int>, values: EmulatedValues?, place: ScorePlace,
    probabilities: UnsafeMutableBufferPointer<Double>, output: UnsafeMutableBufferPointer<Double>?
  ) throws {
    let first = values?.firstToken ?? 0
    try row(
      inputs,
      runs: [KeyRun(keys: keys.lowerBound - first..<keys.upperBound - first, place: keys.lowerBound)],
      values: values, place: place, probabilities: probabilities, output: output)
  }

  /// One row over runs of keys; see ``Emulation/attentionRow(_:runs:values:place:hasValues:)`` for what it means.
  ///
  /// - Parameters:
  ///   - inputs: what the softmax stage reads, a number a visible key in the order of the runs; left as it is.
  ///   - runs: the visible keys, counted from the values' first token.
  ///   - values: the values of at least these keys; nil for probabilities alone.
  ///   - place: which query, layer and head.
  ///   - probabilities: a place a visible key, in the order of the runs, for the normalized probabilities.
  ///   - output: d places where there are values.
  ///   - statistics: for an online softmax, where given, what it knows of the row.
  /// - Precondition: the places ascend.
  /// - Throws: ``UndecidedRounding``.
  public func row(
    _ inputs: UnsafeBufferPointer<Double>, runs: [KeyRun], values: EmulatedValues?, place: ScorePlace,
    probabilities: UnsafeMutableBufferPointer<Double>, output: UnsafeMutableBufferPointer<Double>?,
    statistics: UnsafeMutablePointer<RowStatistics>? = nil
  ) throws {
    let keys = VisibleKeys(runs)
    precondition(inputs.count == keys.count && probabilities.count >= keys.count)
    if let values { precondition(runs.allSatisfy { $0.keys.isEmpty || $0.keys.upperBound <= values.count }) }
    let probabilities = UnsafeMutableBufferPointer(rebasing: probabilities[..<keys.count])
    precondition(statistics == nil || isOnline, "a full row has no statistics")
    if keys.count == 0 {
      output?.update(repeating: 0)
      statistics?.pointee = RowStatistics(maximum: -.infinity, sum: 0)
      return
    }
    if inputs.contains(where: { $0.isNaN || $0 == .infinity }) {
      probabilities.update(repeating: .nan)
      output?.update(repeating: .nan)
      statistics?.pointee = RowStatistics(maximum: .nan, sum: .nan)
      return
    }
    if isPlain {
      let known = try plainRow(inputs, runs, values, place, probabilities, output)
      if let statistics { statistics.pointee = known! }
      return
    }
    if isOnline, let softmax {
      let known = onlineRow(inputs, keys, values, softmax.stage, softmax.weights, probabilities, output)
      statistics?.pointee = known
      return
    }
    fullRow(inputs, keys, place, probabilities)
    if let output, let values {
      try self.output(UnsafeBufferPointer(probabilities), keys, values, output)
    }
  }

  /// The output of a row whose probabilities are known, of a recipe without a softmax stage of its own: the same bits as
  /// ``row(_:runs:values:place:probabilities:output:)`` gives, without its probabilities being computed again.
  ///
  /// - Parameters:
  ///   - logits: the row's logits.
  ///   - probabilities: what the recipe makes of them, a number a visible key in the order of the runs.
  ///   - runs: the visible keys, counted from the values' first token.
  ///   - values: the values of at least these keys.
  ///   - place: which query, layer and head.
  ///   - output: d places.
  /// - Precondition: the recipe has no softmax stage; the places ascend.
  /// - Throws: ``UndecidedRounding``.
  public func output(
    _ logits: UnsafeBufferPointer<Double>, probabilities: UnsafeBufferPointer<Double>, runs: [KeyRun],
    values: EmulatedValues, place: ScorePlace, into output: UnsafeMutableBufferPointer<Double>
  ) throws {
    precondition(!hasSoftmax)
    let keys = VisibleKeys(runs)
    if keys.count == 0 {
      output.update(repeating: 0)
    } else if isPlain {
      try withUnsafeTemporaryAllocation(of: Double.self, capacity: keys.count) {
        try row(logits, runs: runs, values: values, place: place, probabilities: $0, output: output)
      }
    } else if logits.contains(where: { $0.isNaN || $0 == .infinity }) {
      output.update(repeating: .nan)
    } else {
      try self.output(probabilities, keys, values, output)
    }
  }

  private func plainRow(
    _ inputs: UnsafeBufferPointer<Double>, _ runs: [KeyRun], _ values: EmulatedValues?, _ place: ScorePlace,
    _ probabilities: UnsafeMutableBufferPointer<Double>, _ output: UnsafeMutableBufferPointer<Double>?
  ) throws -> RowStatistics? {
    let rows = runs.flatMap(\.keys).map { values?.operands(ofToken: $0) ?? [] }
    let row = try emulation.attentionRow(
      Array(inputs), runs: runs, values: rows, place: place, hasValues: values != nil)
    _ = probabilities.update(fromContentsOf: row.probabilities)
    if let output {
      for (channel, value) in row.output.enumerated() { output[channel] = try value.binary64() }
    }
    return try row.statistics.map { RowStatistics(maximum: $0.maximum, sum: try $0.sum.binary64()) }
  }

  /// P of a full row.
  private func fullRow(
    _ inputs: UnsafeBufferPointer<Double>, _ keys: VisibleKeys, _ place: ScorePlace,
    _ probabilities: UnsafeMutableBufferPointer<Double>
  ) {
    if let softmax {
      softmax.weights.weights(inputs, maximum: inputs.max()!, into: probabilities)
      var sum = RowWeightSum(softmax.stage)!
      sum.add(UnsafeBufferPointer(probabilities), keys: keys, rescaledBy: nil)
      softmax.normalization!.apply(probabilities, sum: sum.result())
    } else {
      defaultSoftmax(inputs, into: probabilities)
    }
    guard let probability else { return }
    let first = place.with(key: keys.pieces[0].place).counter(.probability)
    if let probabilityRounding {
      probabilityRounding.round(probabilities, first)
    } else {
      for index in probabilities.indices {
        probabilities[index] = probability.round(probabilities[index], first)
      }
    }
  }

  /// The output of a full row.
  private func output(
    _ probabilities: UnsafeBufferPointer<Double>, _ keys: VisibleKeys, _ values: EmulatedValues,
    _ output: UnsafeMutableBufferPointer<Double>
  ) throws {
    guard let outputs else {
      try exactOutput(probabilities, keys, values, output)
      return
    }
    var lanes = outputs.start(size: values.size)
    withOperands(probabilities) { outputs.add($0, values, keys: keys, to: &lanes) }
    outputs.finish(&lanes, sum: nil, into: output)
  }

  private func withOperands(
    _ probabilities: UnsafeBufferPointer<Double>, _ body: (UnsafeBufferPointer<Double>) -> Void
  ) {
    guard let operand else { return body(probabilities) }
    withUnsafeTemporaryAllocation(of: Double.self, capacity: probabilities.count) { room in
      let counter = StageCounter(.probabilityOperand)
      for index in probabilities.indices { room[index] = operand.round(probabilities[index], counter) }
      body(UnsafeBufferPointer(room))
    }
  }

  private func onlineRow(
    _ inputs: UnsafeBufferPointer<Double>, _ keys: VisibleKeys, _ values: EmulatedValues?,
    _ stage: Recipe.Softmax, _ weights: RowWeights, _ probabilities: UnsafeMutableBufferPointer<Double>,
    _ output: UnsafeMutableBufferPointer<Double>?
  ) -> RowStatistics {
    let outputs = outputs!
    let tiles = keys.tiles(stage, headSize: emulation.embedding.headSize)
    var sum = RowWeightSum(stage)!
    var lanes = outputs.start(size: emulation.embedding.headSize)
    var factors: [Double] = []
    var maximum = -Double.infinity
    let counter = StageCounter(.probability)
    for (index, places) in tiles.enumerated() {
      let tile = keys.part(places)
      let part = UnsafeBufferPointer(rebasing: inputs[places])
      let p = UnsafeMutableBufferPointer(rebasing: probabilities[places])
      let old = maximum
      maximum = max(old, part.max()!)
      // −∞ − (−∞) would be NaN: a tile without a finite score adds nothing.
      let shift = maximum == -.infinity ? 0 : maximum
      let factor = index == 0 ? nil : weights.rescaling(from: old, to: shift)
      weights.weights(part, maximum: shift, into: p)
      sum.add(UnsafeBufferPointer(p), keys: tile, rescaledBy: factor)
      if let probabilityRounding {
        probabilityRounding.round(p, counter)
      } else if let probability {
        for place in p.indices { p[place] = probability.round(p[place], counter) }
      }
      if let values, output != nil {
        if let factor { outputs.rescale(&lanes, by: factor) }
        withOperands(UnsafeBufferPointer(p)) { outputs.add($0, values, keys: tile, to: &lanes) }
      }
      factors.append(factor ?? 1)
    }
    let l = sum.result()
    let total = l == 0 ? 1 : l
    if let output { outputs.finish(&lanes, sum: total, into: output) }
    var product = 1.0
    for (index, tile) in tiles.enumerated().reversed() {
      for place in tile {
        probabilities[place] = probabilities[place] * product / total
      }
      product *= factors[index]
    }
    return RowStatistics(maximum: maximum, sum: l)
  }
}
