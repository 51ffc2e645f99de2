// Stored cos and sin and their errors, for the angles of one set of stages and every way to round after them.

import FloatingPointFormats

extension FastTableErrors {
  /// Which roundings after the angle are asked for.
  struct Outcomes {
    /// None: cos and sin of the angle as they are.
    var exact: Bool
    /// The trig stage alone.
    var trig: Bool
    /// The table stage alone.
    var table: Bool
    /// Both.
    var both: Bool

    /// From bits 0, 8, 16 and 24 of the sets of stages, shifted to one set of the angle's stages.
    init(_ bits: UInt32) {
      (exact, trig, table, both) = (
        bits & 1 != 0, bits >> 8 & 1 != 0, bits >> 16 & 1 != 0, bits >> 24 & 1 != 0
      )
    }

    var isEmpty: Bool { !(exact || trig || table || both) }
  }

  /// cos and sin of one vector of positions: those of θ, how the stored angle changes them, what they are compared with.
  private struct Vector {
    var value: Lanes
    var low: Lanes
    var change: Lanes
    /// f times the exact one, in two parts.
    var exact: Lanes
    var exactLow: Lanes
  }

  /// Fills the error buffers of `angles.key` with each of the outcomes.
  func writeErrors(_ angles: Angles, _ outcomes: Outcomes, _ block: TableErrorBlock) throws {
    let key = angles.key
    if key.isEmpty && !(outcomes.trig || outcomes.table || outcomes.both) { return }
    let rotation = pairs[block.pair].rotation
    let isSmall = angles.greatest <= FastTrigonometry.smallLimit
    let isBeyond = !(angles.greatest <= FastTrigonometry.limit)
    // See FastTrigonometry and ExactRotation.
    let ofTurn = key.isEmpty ? 0 : isSmall ? angles.greatest * 0x1p-48 : 0x1p-48
    let bound = Lanes(repeating: 0x1p-73 + ofTurn + angles.bound)
    let scaledBound = (bound + 0x1p-51 * min(2, angles.greatest)) * (rotation.factor.magnitude * 1.001)
    let scaledTableBound = rotation.hasFactor ? scaledBound : bound
    let (delta, deltaLow) = (block.delta(key), block.deltaLow(key))
    let exactCosine = rotation.hasFactor ? block[.scaledCosine] : block[.cosine]
    let exactCosineLow = rotation.hasFactor ? block[.scaledCosineLow] : block[.cosineLow]
    let exactSine = rotation.hasFactor ? block[.scaledSine] : block[.sine]
    let exactSineLow = rotation.hasFactor ? block[.scaledSineLow] : block[.sineLow]
    let none = SIMDMask<SIMD4<Int64>>(repeating: false)
    let keepsStored = key == block.active.intersection(.ofAngle)
    let full = block.canonical(.all)
    let (trigChain, tableChain, storedFactor) = (trigChain, tableChain, storedFactor)
    let factor = rotation.factor
    let (cosines, sines) = (block[.cosine], block[.sine])
    let (cosineLows, sineLows) = (block[.cosineLow], block[.sineLow])
    let (errorExact, errorTrig) = (block.error(key), block.error(key.union(.trig)))
    let (errorTable, errorBoth) = (block.error(key.union(.table)), block.error(key.union([.trig, .table])))
    let isFullTrig = keepsStored && full == key.union(.trig)
    let isFullTable = keepsStored && full == key.union(.table)
    let isFullBoth = keepsStored && full == key.union([.trig, .table])

    for vector in 0..<TableErrorBlock.vectors {
      let (cosine, sine) = (cosines[vector], sines[vector])
      var changes = (Lanes.zero, Lanes.zero)
      var undecided = none
      var beyond = none
      if !key.isEmpty {
        changes =
          isSmall
          ? FastTrigonometry.smallTurn(cosine, sine, delta[vector])
          : FastTrigonometry.turn(cosine, sine, delta[vector], deltaLow[vector])
        if isBeyond {
          beyond = delta[vector].magnitudes .> FastTrigonometry.limit
          undecided = beyond
        }
      }
      let c = Vector(
        value: cosine, low: cosineLows[vector], change: changes.0, exact: exactCosine[vector],
        exactLow: exactCosineLow[vector])
      let s = Vector(
        value: sine, low: sineLows[vector], change: changes.1, exact: exactSine[vector],
        exactLow: exactSineLow[vector])
      if outcomes.exact {
        errorExact.cosine[vector] = c.change * factor
        errorExact.sine[vector] = s.change * factor
      }
      if outcomes.trig || outcomes.both {
        var trig = (
          trigChain!.rounded(c.value, c.change, c.low, bound: bound, &undecided),
          trigChain!.rounded(s.value, s.change, s.low, bound: bound, &undecided)
        )
        if let storedFactor { trig = (trigChain!(trig.0 * storedFactor), trigChain!(trig.1 * storedFactor)) }
        if outcomes.trig {
          errorTrig.cosine[vector] = Self.error(trig.0, c)
          errorTrig.sine[vector] = Self.error(trig.1, s)
          if isFullTrig { store(trig, vector, block) }
        }
        if outcomes.both {
          let table = (tableChain!(trig.0), tableChain!(trig.1))
          errorBoth.cosine[vector] = Self.error(table.0, c)
          errorBoth.sine[vector] = Self.error(table.1, s)
          if isFullBoth { store(table, vector, block) }
        }
      }
      if outcomes.table {
        let table = (
          tableChain!.rounded(c.exact, c.change * factor, c.exactLow, bound: scaledTableBound, &undecided),
          tableChain!.rounded(s.exact, s.change * factor, s.exactLow, bound: scaledTableBound, &undecided)
        )
        errorTable.cosine[vector] = Self.error(table.0, c)
        errorTable.sine[vector] = Self.error(table.1, s)
        if isFullTable { store(table, vector, block) }
      }
      if any(undecided) {
        try decide(undecided, isBeyond: beyond, vector, key, outcomes, block, (c, s))
      }
    }
  }

  private func store(_ values: (Lanes, Lanes), _ vector: Int, _ block: TableErrorBlock) {
    block[.storedCosine][vector] = values.0
    block[.storedSine][vector] = values.1
  }

  @inline(__always) private static func error(_ stored: Lanes, _ x: Vector) -> Lanes {
    (stored - x.exact) - x.exactLow
  }

  /// The lanes that a bound did not decide, by the plain tier.
  private func decide(
    _ undecided: SIMDMask<SIMD4<Int64>>, isBeyond: SIMDMask<SIMD4<Int64>>, _ vector: Int,
    _ key: TableStages, _ outcomes: Outcomes, _ block: TableErrorBlock, _ exact: (Vector, Vector)
  ) throws {
    for lane in 0..<4 where undecided[lane] && block.valid.contains(4 * vector + lane) {
      let position = block.start + 4 * vector + lane
      block.fallbacks += 1
      let asked: [(Bool, TableStages)] = [
        (outcomes.exact && isBeyond[lane], []), (outcomes.trig, .trig), (outcomes.table, .table),
        (outcomes.both, [.trig, .table]),
      ]
      for case (true, let rounding) in asked {
        let stages = key.union(rounding)
        let error = block.error(stages)
        let representative = block.representative(stages)
        if stages.isDisjoint(with: [.trig, .table]) {
          let values = try reference.tableError(position: position, pair: block.pair, representative)
          (error.cosine[vector][lane], error.sine[vector][lane]) = (values.cosine, values.sine)
          continue
        }
        let entry = try reference.emulation(representative).tableEntry(position: position, pair: block.pair)
        let stored = (try entry.cosine.binary64(), try entry.sine.binary64())
        error.cosine[vector][lane] = Self.error(Lanes(repeating: stored.0), exact.0)[lane]
        error.sine[vector][lane] = Self.error(Lanes(repeating: stored.1), exact.1)[lane]
        if stages == block.canonical(.all) {
          block[.storedCosine][vector][lane] = stored.0
          block[.storedSine][vector][lane] = stored.1
        }
      }
    }
  }
}
