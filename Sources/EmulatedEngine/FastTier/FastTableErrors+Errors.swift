// Stored cos and sin and their errors, for the angles of one set of stages and every way to round after them.

import FloatingPointFormats
import ReferenceEngine
import RoundingKernels

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

  /// Fills the error buffers of `angles.key` with each of the outcomes.
  func writeErrors(_ angles: Angles, _ outcomes: Outcomes, _ block: TableErrorBlock) throws {
    let key = angles.key
    if key.isEmpty && !(outcomes.trig || outcomes.table || outcomes.both) { return }
    let rotation = pairs[block.pair].rotation
    let isSmall = angles.greatest <= Self.smallDifference
    // What the kernel proves of cos and sin of a changed angle, and ExactRotation of the exact ones.
    let ofTurn = key.isEmpty ? 0 : isSmall ? angles.greatest * 0x1p-48 : 0x1p-48
    let bound = 0x1p-73 + ofTurn + angles.bound
    let scaledBound = (bound + 0x1p-51 * min(2, angles.greatest)) * (rotation.factor.magnitude * 1.001)
    let (cosine, sine) = (block.sums(.cosine, .cosineLow), block.sums(.sine, .sineLow))
    let hasFactor = rotation.hasFactor
    var input = ropedrift_table_errors_input()
    input.count = TableErrorBlock.span
    (input.cosine, input.sine) = (cosine, sine)
    input.exact_cosine = hasFactor ? block.sums(.scaledCosine, .scaledCosineLow) : cosine
    input.exact_sine = hasFactor ? block.sums(.scaledSine, .scaledSineLow) : sine
    if !key.isEmpty { input.difference = TableErrorBlock.sums(block.delta(key), block.deltaLow(key)) }
    input.is_small = isSmall ? 1 : 0
    input.limit = Self.differenceLimit
    input.factor = rotation.factor
    input.stored_factor = storedFactor ?? 1
    (input.trig_bound, input.table_bound) = (bound, hasFactor ? scaledBound : bound)
    if let trigChain { input.trig = trigChain.kernel }
    if let tableChain { input.table = tableChain.kernel }

    var output = ropedrift_table_errors_output()
    func buffers(_ isAsked: Bool, _ stages: TableStages) -> ropedrift_lane_table {
      guard isAsked else { return ropedrift_lane_table() }
      let (cosine, sine) = block.error(stages)
      return ropedrift_lane_table(
        cosine: TableErrorBlock.numbers(cosine), sine: TableErrorBlock.numbers(sine))
    }
    output.exact = buffers(outcomes.exact && !key.isEmpty, key)
    output.trig = buffers(outcomes.trig, key.union(.trig))
    output.table = buffers(outcomes.table, key.union(.table))
    output.both = buffers(outcomes.both, key.union([.trig, .table]))
    let full = block.canonical(.all)
    let isStored =
      switch full.subtracting(key) {
      case _ where full.intersection(.ofAngle) != key: false
      case .trig: outcomes.trig
      case .table: outcomes.table
      case [.trig, .table]: outcomes.both
      default: false
      }
    if isStored {
      output.stored = ropedrift_lane_table(
        cosine: TableErrorBlock.numbers(block[.storedCosine]),
        sine: TableErrorBlock.numbers(block[.storedSine]))
    }
    output.undecided = block.flags
    if ropedrift_table_errors(&input, &output, path.allowsVectors) != 0 {
      try decide(key, outcomes, block, cosine: input.exact_cosine, sine: input.exact_sine)
    }
  }

  /// The lanes that a bound did not decide, by the plain tier.
  private func decide(
    _ key: TableStages, _ outcomes: Outcomes, _ block: TableErrorBlock, cosine: ropedrift_lane_sums,
    sine: ropedrift_lane_sums
  ) throws {
    for lane in block.flaggedLanes() {
      let position = block.start + lane
      block.fallbacks += 1
      let isBeyond = block.flags[lane] & 2 != 0
      let asked: [(Bool, TableStages)] = [
        (outcomes.exact && isBeyond, []), (outcomes.trig, .trig), (outcomes.table, .table),
        (outcomes.both, [.trig, .table]),
      ]
      for case (true, let rounding) in asked {
        let stages = key.union(rounding)
        let error = block.error(stages)
        let representative = block.representative(stages)
        if stages.isDisjoint(with: [.trig, .table]) {
          let values = try reference.tableError(position: position, pair: block.pair, representative)
          (error.cosine[lane >> 2][lane & 3], error.sine[lane >> 2][lane & 3]) = (values.cosine, values.sine)
          continue
        }
        let entry = try reference.emulation(representative).tableEntry(position: position, pair: block.pair)
        let stored = (try entry.cosine.binary64(), try entry.sine.binary64())
        error.cosine[lane >> 2][lane & 3] = (stored.0 - cosine.high[lane]) - cosine.low[lane]
        error.sine[lane >> 2][lane & 3] = (stored.1 - sine.high[lane]) - sine.low[lane]
        if stages == block.canonical(.all) {
          block[.storedCosine][lane >> 2][lane & 3] = stored.0
          block[.storedSine][lane >> 2][lane & 3] = stored.1
        }
      }
    }
  }
}
