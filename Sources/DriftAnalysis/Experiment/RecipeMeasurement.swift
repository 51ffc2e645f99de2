// One recipe's errors over a run of positions of one pair: by the fast tier where it knows the recipe, else entry by entry.

import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine

struct RecipeMeasurement: Sendable {
  let reference: TableErrorReference
  let fast: FastTableErrors?

  private static let angleSets = TableStages.ordered.prefix(3).map(\.stage)
  private static let tableSets = TableStages.ordered.map(\.stage)

  /// The sums over a run of positions; `continuing` says that the position before it belongs to the same range.
  func sums(
    pair: Int, positions: ClosedRange<Int>, continuing: Bool, progress: (Int) -> Void
  ) throws -> AngleErrorSums {
    var sums = AngleErrorSums()
    var previous = continuing ? try storedAngle(position: positions.lowerBound - 1, pair: pair) : nil
    guard let fast else {
      for position in positions {
        try addPlain(position: position, pair: pair, to: &sums)
        let angle = try storedAngle(position: position, pair: pair)
        addNeighbours(previous, angle, to: &sums)
        previous = angle
        progress(1)
      }
      return sums
    }
    try fast.forEachBlock(pair: pair, positions: positions, in: TableErrorBlock()) { block in
      add(block, to: &sums)
      previous = addNeighbours(block, after: previous, to: &sums)
      progress(block.valid.count)
    }
    return sums
  }

  // MARK: Fast tier

  private func add(_ block: TableErrorBlock, to sums: inout AngleErrorSums) {
    let lanes = block.valid
    sums.entries += lanes.count
    sums.fallbacks += block.fallbacks
    if let errors = block.angleErrors(.all) {
      sums.nonfiniteAngles += LaneRun.addSums(
        errors, lanes: lanes, signed: &sums.signedAngles, squares: &sums.squaredAngles)
    }
    if let errors = block.tableErrors(.all) {
      sums.nonfiniteTableValues += LaneRun.addSquares(
        errors.cosine, errors.sine, lanes: lanes, to: &sums.squaredTable)
    }
    Self.angle(block, .all, &sums.angle)
    Self.table(block, .all, &sums.table)
    for (index, stage) in Self.angleSets.enumerated() {
      Self.angle(block, stage, &sums.angleStages.own[index])
      Self.angle(block, .all.subtracting(stage), &sums.angleStages.without[index])
    }
    for (index, stage) in Self.tableSets.enumerated() {
      Self.table(block, stage, &sums.tableStages.own[index])
      Self.table(block, .all.subtracting(stage), &sums.tableStages.without[index])
    }
  }

  private static func angle(
    _ block: TableErrorBlock, _ stages: TableStages, _ greatest: inout LocatedError?
  ) {
    guard let errors = block.angleErrors(stages) else {
      // Zero everywhere.
      greatest = greatest ?? located(0, block, lane: block.valid.lowerBound)
      return
    }
    if let maximum = LaneRun.maximum(errors, lanes: block.valid, above: greatest?.magnitude ?? -1) {
      greatest = located(maximum.magnitude, block, lane: maximum.lane)
    }
  }

  private static func table(
    _ block: TableErrorBlock, _ stages: TableStages, _ greatest: inout LocatedError?
  ) {
    guard let errors = block.tableErrors(stages) else {
      greatest = greatest ?? located(0, block, lane: block.valid.lowerBound)
      return
    }
    let floor = greatest?.magnitude ?? -1
    let cosine = LaneRun.maximum(errors.cosine, lanes: block.valid, above: floor)
    let sine = LaneRun.maximum(errors.sine, lanes: block.valid, above: floor)
    // Of equal errors the first position has it, and there the cosine.
    switch (cosine, sine) {
    case (nil, nil): break
    case (let cosine?, nil): greatest = located(cosine.magnitude, block, lane: cosine.lane)
    case (nil, let sine?): greatest = located(sine.magnitude, block, lane: sine.lane, isSine: true)
    case (let cosine?, let sine?):
      let isSine =
        sine.magnitude > cosine.magnitude || sine.magnitude == cosine.magnitude && sine.lane < cosine.lane
      let chosen = isSine ? sine : cosine
      greatest = located(chosen.magnitude, block, lane: chosen.lane, isSine: isSine)
    }
  }

  private static func located(
    _ magnitude: Double, _ block: TableErrorBlock, lane: Int, isSine: Bool = false
  ) -> LocatedError {
    LocatedError(magnitude: magnitude, position: block.start + lane, pair: block.pair, isSine: isSine)
  }

  // MARK: Neighbours

  /// What tells two stored angles apart: the number, or where the angle stays exact the rounded position that makes it.
  private func storedAngle(position: Int, pair: Int) throws -> Double {
    let emulation = reference.emulation()
    if emulation.recipe.angle.rounding.isExact {
      let rounded = emulation.roundedPositionNumber(position)
      // Times a frequency of zero all are the same; times an infinite one none is finite.
      let frequency = try emulation.frequencies[pair].binary64()
      return frequency.isFinite ? (frequency == 0 ? rounded * 0 : rounded) : .nan
    }
    return try emulation.angle(position: position, pair: pair).binary64()
  }

  private func addNeighbours(_ previous: Double?, _ next: Double, to sums: inout AngleErrorSums) {
    guard let previous, previous.isFinite, next.isFinite else { return }
    sums.neighbours += 1
    if previous == next { sums.collisions += 1 }
  }

  /// Counts the neighbours of a block, and the one before it; returns the last stored angle.
  private func addNeighbours(
    _ block: TableErrorBlock, after previous: Double?, to sums: inout AngleErrorSums
  ) -> Double? {
    let lanes = block.valid
    let angles = block.storedAngles
    let isConstant =
      angles == nil && ((try? reference.emulation().frequencies[block.pair].binary64()) ?? 1) == 0
    func value(_ lane: Int) -> Double {
      if let angles { return LaneRun.value(angles, lane) }
      if isConstant { return 0 }
      return block.roundedPositions.map { LaneRun.value($0, lane) } ?? Double(block.start + lane)
    }
    addNeighbours(previous, value(lanes.lowerBound), to: &sums)
    if let numbers = angles ?? (isConstant ? nil : block.roundedPositions) {
      let (equal, finite) = LaneRun.equalNeighbours(numbers, lanes: lanes)
      sums.neighbours += finite
      sums.collisions += equal
    } else {
      sums.neighbours += lanes.count - 1
      if isConstant { sums.collisions += lanes.count - 1 }
    }
    return value(lanes.upperBound - 1)
  }

  /// What the position stage makes of a range. Rounding other than stochastic never puts positions out of order.
  func counts(of range: ClosedRange<Int>) -> PositionCounts {
    let emulation = reference.emulation()
    let chain = emulation.recipe.position
    if chain.isExact || chain.rounding == .nearestEven && range.upperBound <= emulation.exactPositions {
      return PositionCounts(positions: range.count, distinct: range.count, nonfinite: 0)
    }
    var counts = PositionCounts(positions: range.count, distinct: 0, nonfinite: 0)
    var isStochastic = false
    if case .stochastic = chain.rounding { isStochastic = true }
    var seen: Set<Double> = []
    var previous = Double.nan
    for position in range {
      let rounded = emulation.roundedPositionNumber(position)
      if !rounded.isFinite {
        counts.nonfinite += 1
      } else if isStochastic {
        seen.insert(rounded)
      } else if rounded != previous {
        counts.distinct += 1
        previous = rounded
      }
    }
    counts.distinct += seen.count
    return counts
  }

  // MARK: Plain tier

  private func addPlain(position: Int, pair: Int, to sums: inout AngleErrorSums) throws {
    sums.entries += 1
    func greater(_ error: Double, _ isSine: Bool, _ greatest: inout LocatedError?) {
      if error.magnitude > greatest?.magnitude ?? -1 {
        greatest = LocatedError(magnitude: error.magnitude, position: position, pair: pair, isSine: isSine)
      }
    }
    let angle = try reference.angleError(position: position, pair: pair)
    if angle.isNaN {
      sums.nonfiniteAngles += 1
    } else {
      sums.signedAngles.add(angle)
      sums.squaredAngles.add(angle * angle)
      greater(angle, false, &sums.angle)
    }
    let (cosine, sine) = try reference.tableError(position: position, pair: pair)
    for (error, isSine) in [(cosine, false), (sine, true)] {
      if error.isNaN {
        sums.nonfiniteTableValues += 1
      } else {
        sums.squaredTable.add(error * error)
        greater(error, isSine, &sums.table)
      }
    }
    for (index, stage) in Self.tableSets.enumerated() {
      for (isOwn, stages) in [(true, stage), (false, .all.subtracting(stage))] {
        let errors = try reference.tableError(position: position, pair: pair, stages)
        for (error, isSine) in [(errors.cosine, false), (errors.sine, true)] {
          if isOwn {
            greater(error, isSine, &sums.tableStages.own[index])
          } else {
            greater(error, isSine, &sums.tableStages.without[index])
          }
        }
        guard index < 3 else { continue }
        let angle = try reference.angleError(position: position, pair: pair, stages)
        if isOwn {
          greater(angle, false, &sums.angleStages.own[index])
        } else {
          greater(angle, false, &sums.angleStages.without[index])
        }
      }
    }
  }

  // MARK: Certified maxima

  /// The sums with every greatest error computed again in the plain tier, at the place where it was found.
  func certified(_ sums: AngleErrorSums) throws -> AngleErrorSums {
    guard fast != nil else { return sums }
    var sums = sums
    var certifier = MaximumCertifier(reference: reference)
    sums.angle = try certifier.angle(sums.angle, .all)
    sums.table = try certifier.table(sums.table, .all)
    for (index, stage) in Self.angleSets.enumerated() {
      sums.angleStages.own[index] = try certifier.angle(sums.angleStages.own[index], stage)
      sums.angleStages.without[index] = try certifier.angle(
        sums.angleStages.without[index], .all.subtracting(stage))
    }
    for (index, stage) in Self.tableSets.enumerated() {
      sums.tableStages.own[index] = try certifier.table(sums.tableStages.own[index], stage)
      sums.tableStages.without[index] = try certifier.table(
        sums.tableStages.without[index], .all.subtracting(stage))
    }
    return sums
  }
}

/// Computes greatest errors again, each once.
private struct MaximumCertifier {
  private struct Key: Hashable {
    let position: Int
    let pair: Int
    let stages: TableStages
  }

  let reference: TableErrorReference
  private var angles: [Key: Double] = [:]
  private var tables: [Key: (cosine: Double, sine: Double)] = [:]

  init(reference: TableErrorReference) { self.reference = reference }

  mutating func angle(_ found: LocatedError?, _ stages: TableStages) throws -> LocatedError? {
    // Zero is exact: no stage rounds anything there.
    guard var found, found.magnitude > 0 else { return found }
    let key = key(found, stages)
    let error =
      try angles[key]
      ?? reference.angleError(position: found.position, pair: found.pair, stages)
    angles[key] = error
    found.magnitude = error.magnitude
    return found
  }

  mutating func table(_ found: LocatedError?, _ stages: TableStages) throws -> LocatedError? {
    guard var found, found.magnitude > 0 else { return found }
    let key = key(found, stages)
    let errors =
      try tables[key]
      ?? reference.tableError(position: found.position, pair: found.pair, stages)
    tables[key] = errors
    found.magnitude = (found.isSine ? errors.sine : errors.cosine).magnitude
    return found
  }

  /// Sets of stages that differ in a position stage that does not change this position have the same errors.
  private func key(_ found: LocatedError, _ stages: TableStages) -> Key {
    var stages = stages
    if reference.emulation().roundedPositionNumber(found.position) == Double(found.position) {
      stages.remove(.position)
    }
    return Key(position: found.position, pair: found.pair, stages: stages.intersection(rounded))
  }

  private var rounded: TableStages { reference.recipe.roundedTableStages }
}
