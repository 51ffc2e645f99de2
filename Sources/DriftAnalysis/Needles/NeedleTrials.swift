// The trials of one head in one window: needles made, certified, and looked for in every recipe's arithmetic.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// Makes and judges the trials of one head.
struct NeedleTrials {
  private let experiment: NeedleExperiment
  private let window: NeedleExperiment.Window
  private let unit: NeedleUnit
  private let ranks: NeedleRanks
  private let trigonometry: ReferenceTrigonometry
  private let keyHead: Int
  /// (input's keys, d).
  private let source: [Double]
  private let queryVectors: [Double]
  private let format: FloatingPointFormat

  /// Keys that are tried for a needle's direction, so many at a time, and in all.
  private static let (batch, tries) = (8, 64)
  /// Scales around the one that gives the target: rounding into the element type moves the logit, and the nearest is taken.
  private static let scaleSteps = -8..<8

  /// One trial's needles.
  private struct Trial {
    let task: Int
    let query: Int
    /// Places among the visible keys; the first needle's first.
    let places: [Int]
    /// Index of its first needle among all.
    let first: Int
    let margin: Double
  }

  init(
    _ experiment: NeedleExperiment, _ window: NeedleExperiment.Window, _ unit: NeedleUnit,
    _ ranks: NeedleRanks, _ trigonometry: ReferenceTrigonometry
  ) throws {
    self.experiment = experiment
    self.window = window
    self.unit = unit
    self.ranks = ranks
    self.trigonometry = trigonometry
    keyHead = experiment.shape.keyValueHead(ofHead: unit.head)
    source = try experiment.input.read(.key, layer: unit.layer, head: keyHead)
    queryVectors = try experiment.queryVectors(unit)
    guard let format = try experiment.input.shape(ofLayer: unit.layer).keyType.format else {
      preconditionFailure("keys are of a type with a format")
    }
    self.format = format
  }

  /// One a task.
  func run() throws -> [NeedleTaskResults] {
    var results = experiment.tasks.map {
      NeedleTaskResults(task: $0, recipes: experiment.emulations.count)
    }
    var trials: [Trial] = []
    // Needles of all trials, (needles, d), with the visible key that each replaces.
    var needles: [Double] = []
    var places: [Int] = []
    for query in 0..<experiment.queries {
      for (task, kind) in experiment.tasks.enumerated() {
        for (depthIndex, depth) in experiment.depths.enumerated() {
          for (targetIndex, target) in experiment.targets.enumerated() {
            let found = kind.places(visible: window.visible, depth: depth, needles: experiment.needles)
            let number =
              ((task * experiment.depths.count + depthIndex) * experiment.targets.count + targetIndex)
              * experiment.queries + query
            switch try make(kind, query: query, target: target, places: found, number: number) {
            case .skipped: results[task].skipped += 1
            case .notWon: results[task].notWon += 1
            case .withoutMargin: results[task].withoutMargin += 1
            case .made(let vectors, let margin):
              trials.append(
                Trial(task: task, query: query, places: found, first: places.count, margin: margin))
              needles += vectors
              places += found
            }
          }
        }
      }
    }
    guard !trials.isEmpty else { return results }
    try judge(trials, needles, places, &results)
    return results
  }

  // MARK: Making

  private enum Made {
    case skipped, notWon, withoutMargin
    case made([Double], margin: Double)
  }

  /// The needles of a trial: the one to be found first.
  private func make(
    _ task: NeedleTask, query: Int, target: Double, places: [Int], number: Int
  ) throws -> Made {
    guard let rival = ranks.reference[query].rival(without: places) else { return .withoutMargin }
    var vectors = [[Double]](repeating: [], count: places.count)
    var logits = [Double](repeating: 0, count: places.count)
    // Among needles that resemble it the one to be found is made last, above the others.
    let order = task == .multiKey ? Array(places.indices.dropFirst()) + [0] : Array(places.indices)
    for (step, index) in order.enumerated() {
      let wanted: Double
      switch task {
      case .single: wanted = rival + target
      case .multiKey:
        let others = order[..<step].map { logits[$0] }
        wanted = max(rival, index == 0 ? others.max()! : rival) + target
      case .multiValue: wanted = rival + target * Double(step + 1)
      }
      guard
        let needle = try needle(
          query: query, place: places[index], logit: wanted, number: number, index: index)
      else { return .skipped }
      (vectors[index], logits[index]) = needle
    }
    let margin: Double
    switch task {
    case .single: margin = logits[0] - rival
    case .multiKey: margin = logits[0] - max(rival, logits.dropFirst().max()!)
    case .multiValue: margin = logits.min()! - rival
    }
    return margin > 0 ? .made(vectors.flatMap { $0 }, margin: margin) : .notWon
  }

  /// A stored key at a place whose exact logit is as near as can be had to a wanted one; nil where no direction that was drawn can be
  /// scaled to it within 2^±6.
  private func needle(
    query: Int, place: Int, logit wanted: Double, number: Int, index: Int
  ) throws -> (vector: [Double], logit: Double)? {
    let size = experiment.shape.headSize
    for start in stride(from: 0, to: Self.tries, by: Self.batch) {
      let directions = (start..<start + Self.batch).map { attempt in
        let row = experiment.draw(
          .needle, layer: unit.layer, head: unit.head, number, index * Self.tries + attempt,
          below: experiment.shape.keyTokens)
        return Array(source[row * size..<(row + 1) * size])
      }
      let scores = try logits(of: directions, query: query, place: place)
      guard
        let chosen = directions.indices.first(where: {
          let scale = wanted / scores[$0]
          return scale >= 0x1p-6 && scale <= 0x1p6
        })
      else { continue }
      let scale = wanted / scores[chosen]
      let candidates = Self.scaleSteps.map { step in
        directions[chosen].map { format.rounded($0 * scale * (1 + Double(step) * 0x1p-10)) }
      }
      let found = try logits(of: candidates, query: query, place: place)
      let nearest = candidates.indices.filter { found[$0].isFinite }.min {
        (found[$0] - wanted).magnitude < (found[$1] - wanted).magnitude
      }
      if let nearest { return (candidates[nearest], found[nearest]) }
    }
    return nil
  }

  /// Exact logits, correctly rounded to binary64, of a query against keys at one place.
  private func logits(of keys: [[Double]], query: Int, place: Int) throws -> [Double] {
    let size = experiment.shape.headSize
    let head = ReferenceHead(
      problem: experiment.problem, trigonometry: trigonometry, keys: keys.flatMap { $0 },
      keyRows: Array(repeating: place, count: keys.count))
    var scores = [Double](repeating: 0, count: keys.count)
    _ = try scores.withUnsafeMutableBufferPointer { scores in
      try queryVectors.withUnsafeBufferPointer {
        try head.scores(
          query: UnsafeBufferPointer(rebasing: $0[query * size..<(query + 1) * size]),
          queryRow: window.visible - 1, keys: 0..<keys.count, into: scores)
      }
    }
    return scores
  }

  // MARK: Judging

  private func judge(
    _ trials: [Trial], _ needles: [Double], _ places: [Int], _ results: inout [NeedleTaskResults]
  ) throws {
    let positions = (places.map { window.positions[$0] } + [window.queryPosition]).map {
      $0 + experiment.shift
    }
    let tables = try RotaryTable.tables(for: experiment.emulations, positions: positions, threads: 1)
    var row = [Double](repeating: 0, count: places.count)
    for (recipe, emulation) in experiment.emulations.enumerated() {
      let heads = try experiment.head(
        emulation, table: tables[recipe], keys: needles, firstToken: 0, queries: queryVectors, unit, keyHead)
      for trial in trials {
        let range = trial.first..<trial.first + trial.places.count
        let logits = try row.withUnsafeMutableBufferPointer { row in
          let part = UnsafeMutableBufferPointer(rebasing: row[range])
          try heads[trial.query].logits(query: 0, keys: range, into: part)
          return Array(part)
        }
        let (isFound, margin) = judge(
          experiment.tasks[trial.task], logits, trial.places,
          others: ranks.emulated[recipe][trial.query])
        results[trial.task].bins[recipe][Int(trial.margin.exponent), default: NeedleBin()].add(
          isFound: isFound, change: margin - trial.margin)
      }
    }
  }

  /// Whether emulated logits find the needles, and by what margin: NaN, and not found, where a logit of the row is NaN. Of equal logits
  /// the one of the key with the lower index is the greater.
  private func judge(
    _ task: NeedleTask, _ logits: [Double], _ places: [Int], others: RankedLogits
  ) -> (isFound: Bool, margin: Double) {
    guard !others.hasNaN(without: places), !logits.contains(where: \.isNaN),
      let best = others.best(without: places)
    else { return (false, .nan) }
    let needles = zip(logits, places).map { RankedLogits.Entry(value: $0, key: $1) }
    let worstOfFound: RankedLogits.Entry
    var bestOfOthers = best
    switch task {
    case .single: worstOfFound = needles[0]
    case .multiKey:
      worstOfFound = needles[0]
      for other in needles.dropFirst() where other.outranks(bestOfOthers) { bestOfOthers = other }
    case .multiValue: worstOfFound = needles.dropFirst().reduce(needles[0]) { $0.outranks($1) ? $1 : $0 }
    }
    return (worstOfFound.outranks(bestOfOthers), worstOfFound.value - bestOfOthers.value)
  }
}
