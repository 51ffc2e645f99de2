// What a tile measures of whole rows, where that is asked for: outputs of every recipe and of the reference, top keys, masses.

import EmulatedEngine
import ReferenceEngine
import RotaryAttention
import TensorIO

/// The values of one key head in one sequence.
struct SequenceValues: Sendable {
  /// As the reference takes them.
  let reference: ReferenceValues
  /// (groups of recipes), as those take them.
  let emulated: [EmulatedValues]

  init(
    _ experiment: DriftExperiment, _ measuring: RowMeasurement, layer: Int, head: Int,
    sequence: PackedSequence, threads: Int
  ) throws {
    let stored = try experiment.input.read(.value, layer: layer, head: head, tokens: sequence.runs)
    reference = ReferenceValues(stored, channels: experiment.shape.headSize)
    emulated = try concurrentMap(count: measuring.values.count, threads: threads) {
      let emulation = measuring.values[$0]
      return EmulatedValues(
        InputMatrix(
          stored, emulation: emulation, side: .value, layer: layer, head: head,
          firstToken: sequence.tokenOfFirstKey),
        emulation: emulation, layer: layer, head: head)
    }
  }
}

/// Numbers of the rows of a tile that only their measurement needs.
struct RowDetails {
  // (references, tile, d): certified outputs and the bounds on their errors.
  private(set) var certified: [Double] = []
  private(set) var bounds: [Double] = []
  // (references, tile): the reference's top keys.
  private(set) var tops: [TopKey?] = []
  // (3, d): one recipe's outputs of one row at both shifts, and at the first in the other layout.
  private(set) var outputs: [Double] = []
  // One recipe's probabilities of one row at the first shift in the other layout.
  private(set) var otherProbabilities: [Double] = []

  /// Makes room for a tile.
  mutating func prepare(tile: Int, width: Int, _ work: TileWork) {
    let size = work.experiment.shape.headSize
    let rows = work.heads.references.count * tile
    func grow(_ array: inout [Double], _ count: Int) {
      if array.count < count { array = Array(repeating: 0, count: count) }
    }
    if work.heads.values != nil {
      grow(&certified, rows * size)
      grow(&bounds, rows * size)
      grow(&outputs, 3 * size)
    }
    if work.measuring!.comparesPlacement { grow(&otherProbabilities, width) }
    if tops.count < rows { tops = Array(repeating: nil, count: rows) }
  }

  /// The reference's probabilities, top key and output of a row from its logits.
  mutating func certify(
    _ logits: UnsafeBufferPointer<Double>, probabilities: UnsafeMutableBufferPointer<Double>, at row: Int,
    _ runs: [KeyRun], _ work: TileWork
  ) {
    tops[row] = TopKey(logits)
    guard let values = work.heads.values else {
      defaultSoftmax(logits, into: probabilities)
      return
    }
    _ = probabilities.update(fromContentsOf: logits)
    let channels = row * work.experiment.shape.headSize..<(row + 1) * work.experiment.shape.headSize
    certified.withUnsafeMutableBufferPointer { certified in
      bounds.withUnsafeMutableBufferPointer { bounds in
        _ = certifiedAttention(
          probabilities, runs: runs, values: values.reference,
          outputs: UnsafeMutableBufferPointer(rebasing: certified[channels]),
          bounds: UnsafeMutableBufferPointer(rebasing: bounds[channels]))
      }
    }
  }

  /// A row by a recipe's own softmax stage: probabilities, and its output where there are values; at the first shift in the other layout too.
  mutating func row(
    _ stages: RowAttention, _ inputs: UnsafeBufferPointer<Double>, _ run: Int, _ row: TileRow,
    _ place: ScorePlace, _ recipe: Int, _ work: TileWork, probabilities: UnsafeMutableBufferPointer<Double>
  ) throws {
    let values = work.values(ofRecipe: recipe)
    let size = work.experiment.shape.headSize
    try outputs.withUnsafeMutableBufferPointer { outputs in
      func output(_ index: Int) -> UnsafeMutableBufferPointer<Double>? {
        values.map { _ in UnsafeMutableBufferPointer(rebasing: outputs[index * size..<(index + 1) * size]) }
      }
      try stages.row(
        inputs, runs: row.runs, values: values, place: place, probabilities: probabilities,
        output: output(run))
      guard run == 0, work.measuring?.comparesPlacement == true else { return }
      try otherProbabilities.withUnsafeMutableBufferPointer {
        try stages.row(
          inputs, runs: row.otherPlacement(work.sequence), values: values, place: place,
          probabilities: UnsafeMutableBufferPointer(rebasing: $0[..<row.count]), output: output(2))
      }
    }
  }

  /// The same for a recipe without a softmax stage of its own, whose probabilities know no places.
  mutating func outputs(
    of probabilities: (UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>),
    logits: (UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>), _ stages: RowAttention,
    _ row: TileRow, _ place: ScorePlace, _ values: EmulatedValues, _ work: TileWork
  ) throws {
    let size = work.experiment.shape.headSize
    let compares = work.measuring?.comparesPlacement == true
    try outputs.withUnsafeMutableBufferPointer { outputs in
      for index in 0..<(compares ? 3 : 2) {
        let isSecond = index == 1
        try stages.output(
          isSecond ? logits.1 : logits.0, probabilities: isSecond ? probabilities.1 : probabilities.0,
          runs: index == 2 ? row.otherPlacement(work.sequence) : row.runs, values: values, place: place,
          into: UnsafeMutableBufferPointer(rebasing: outputs[index * size..<(index + 1) * size]))
      }
    }
  }
}

extension TileRow {
  /// The row's keys at the places that the other layout of its mask gives them: counted in the sequence instead of in the window, or the
  /// other way round.
  func otherPlacement(_ sequence: PackedSequence) -> [KeyRun] {
    guard sequence.countsOwnPlaces else {
      return keys.map { KeyRun(keys: $0, place: $0.lowerBound) }
    }
    return keys.flatMap { keys -> [KeyRun] in
      var first = keys.lowerBound
      return sequence.tokens(ofKeys: keys).map { tokens in
        defer { first += tokens.count }
        return KeyRun(keys: first..<first + tokens.count, place: tokens.lowerBound)
      }
    }
  }
}

extension TileWork {
  /// The values as a recipe takes them; nil without.
  func values(ofRecipe recipe: Int) -> EmulatedValues? {
    guard let measuring, let values = heads.values else { return nil }
    return values.emulated[measuring.valuesOfRecipe[recipe]]
  }
}

extension TileSlot {
  /// Adds one recipe's row at both shifts to its sums over rows.
  func measureRow(
    _ recipe: Int, _ row: TileRow, tile: Int, _ measuring: RowMeasurement, _ work: TileWork,
    probabilities: (UnsafeBufferPointer<Double>, UnsafeBufferPointer<Double>)
  ) throws {
    let reference = work.referenceOfRecipe[recipe] * tile + row.index
    let hasSoftmax = work.shared.softmaxStages[recipe] != nil
    try logits.withUnsafeBufferPointer { logits in
      let first = UnsafeBufferPointer(rebasing: logits[range(0, row)])
      let second = UnsafeBufferPointer(rebasing: logits[range(1, row)])
      rows[recipe].totals.topKeys.add(
        count: row.count, reference: details.tops[reference], first: TopKey(first), second: TopKey(second))
      if !hasSoftmax, let values = work.values(ofRecipe: recipe) {
        try details.outputs(
          of: probabilities, logits: (first, second), measuring.stages[recipe], row,
          ScorePlace(query: row.query, key: 0, layer: work.layer, head: work.head), values, work)
      }
    }
    addMasses(recipe, row, measuring, work, emulated: probabilities.0, reference: reference * width)
    if measuring.comparesPlacement {
      details.otherProbabilities.withUnsafeBufferPointer { other in
        rows[recipe].totals.placement.add(
          probabilities: probabilities.0,
          hasSoftmax ? UnsafeBufferPointer(rebasing: other[..<row.count]) : probabilities.0)
      }
    }
    if work.heads.values != nil { addOutputs(recipe, row, measuring, work, reference: reference) }
  }

  private func addMasses(
    _ recipe: Int, _ row: TileRow, _ measuring: RowMeasurement, _ work: TileWork,
    emulated: UnsafeBufferPointer<Double>, reference start: Int
  ) {
    let token = work.experiment.shape.token(ofQuery: row.query)
    let document = work.sequence.document ?? measuring.layout.document(ofToken: token)
    var offset = 0
    for tokens in row.tokens {
      for index in measuring.firstTokens.indices(within: tokens) {
        let first = measuring.firstTokens.tokens[index]
        guard first != token else { continue }
        let place = offset + first - tokens.lowerBound
        let (p, exact) = (emulated[place], referenceProbabilities[start + place])
        rows[recipe].firstTokens.add(measuring.firstTokens.documents[index], reference: exact, emulated: p)
        if first == 0 {
          rows[recipe].totals.anchorMass.add(reference: exact, emulated: p)
          rows[recipe].anchor.add(document, reference: exact, emulated: p)
        }
      }
      offset += tokens.count
    }
  }

  private func addOutputs(
    _ recipe: Int, _ row: TileRow, _ measuring: RowMeasurement, _ work: TileWork, reference: Int
  ) {
    let size = work.experiment.shape.headSize
    details.outputs.withUnsafeBufferPointer { outputs in
      details.certified.withUnsafeBufferPointer { certified in
        details.bounds.withUnsafeBufferPointer { bounds in
          for channel in 0..<size {
            let place = reference * size + channel
            rows[recipe].totals.outputError.add(
              emulated: outputs[channel], certified: certified[place], bound: bounds[place],
              layer: work.layer, head: work.head, query: row.query, channel: channel)
            rows[recipe].totals.outputDrift.add(
              outputs[channel] - outputs[size + channel], layer: work.layer, head: work.head,
              query: row.query, channel: channel)
          }
        }
      }
      if measuring.comparesPlacement {
        rows[recipe].totals.placement.add(
          outputs: UnsafeBufferPointer(rebasing: outputs[..<size]),
          UnsafeBufferPointer(rebasing: outputs[2 * size..<3 * size]))
      }
    }
  }
}
