// Stored angles and their differences δ from the exact ones, for one set of rounded stages.

import FloatingPointFormats
import ReferenceEngine
import RoundingKernels

extension FastTableErrors {
  /// What a block's angles are, for one set of stages.
  struct Angles {
    /// The stages of the angle that round.
    let key: TableStages
    /// max|δ| over the lanes with finite δ.
    var greatest = 0.0
    /// How far a δ may be from the exact difference.
    var bound = 0.0
  }

  /// Fills the buffers δ, its low part and the stored angle of a set of stages.
  func writeAngles(_ key: TableStages, _ block: TableErrorBlock) throws -> Angles {
    var angles = Angles(key: key)
    guard !key.isEmpty else { return angles }
    let pair = pairs[block.pair]
    if key.contains(.angle) {
      try writeStoredAngles(key, block)
      try writeDifferences(key, block)
    } else {
      writeExactProducts(key, pair, block)
    }
    angles.greatest = greatest(block.delta(key), block)
    let last = Double(block.start + TableErrorBlock.span)
    angles.bound = angles.greatest * 0x1p-51 + last * pair.rotation.pieces.0.magnitude * 0x1p-100
    if key == [.frequency, .position] {
      // Two summands that may cancel.
      let displaced = greatest(block[.displacement], block) * pair.rotation.pieces.0.magnitude
      angles.bound += (displaced + (last + displaced) * pair.difference.magnitude) * 0x1p-51
    }
    return angles
  }

  /// max|x| over the lanes that are asked for, and their neighbours up to a multiple of four; NaN is passed over.
  private func greatest(_ buffer: UnsafeMutablePointer<Lanes>, _ block: TableErrorBlock) -> Double {
    let first = block.valid.lowerBound / 4 * 4
    let end = (block.valid.upperBound + 3) / 4 * 4
    return ropedrift_greatest_magnitude(
      TableErrorBlock.numbers(buffer) + first, end - first, 0, path.allowsVectors)
  }

  // MARK: Angles that are not rounded

  /// δ of exact products of a rounded position or frequency: (RN(p) − p)·ω + RN(p)·(RN(ω) − ω).
  private func writeExactProducts(_ key: TableStages, _ pair: Pair, _ block: TableErrorBlock) {
    let (delta, low) = (block.delta(key), block.deltaLow(key))
    let (position, displacement) = (block[.position], block[.displacement])
    let omega = pair.rotation.pieces.0 + pair.rotation.pieces.1
    for vector in 0..<TableErrorBlock.vectors {
      let exact = Lanes(0, 1, 2, 3) + Double(block.start + 4 * vector)
      var value = Lanes.zero
      if key.contains(.position) { value = displacement[vector] * omega }
      if key.contains(.frequency) {
        value += (key.contains(.position) ? position[vector] : exact) * pair.difference
      }
      if block.mayHoldNonFinite { value = Self.withoutInfinities(value) }
      delta[vector] = value
      low[vector] = .zero
    }
  }

  /// Infinities as NaN, so that nothing later takes them for an angle.
  @inline(__always) private static func withoutInfinities(_ x: Lanes) -> Lanes { x + (x - x) }

  // MARK: Rounded angles

  /// RN(P·ω) in the angle stage's formats, P and ω rounded or not.
  private func writeStoredAngles(_ key: TableStages, _ block: TableErrorBlock) throws {
    let pair = pairs[block.pair]
    let stored = block.stored(key)
    let chain = angleChain!
    let frequency = key.contains(.frequency) ? pair.stored! : pair.rotation.number
    let isRounded = key.contains(.position)
    let last = isRounded ? greatest(block[.position], block) : Double(block.start + TableErrorBlock.span)
    let omega = frequency?.magnitude ?? pair.rotation.pieces.0
    let mayOverflow = !(1.001 * last * omega < chain.largest)
    if mayOverflow { block.mayHoldNonFinite = true }
    if let frequency {
      let bits = min(positionPrecision, Int.bitWidth - (block.start + 255).leadingZeroBitCount)
      let isExact =
        recipe.angle.rounding.formats == [.fp64] || frequency == 0
        || frequency.magnitude > 0x1p-400 && bits + frequency.significandWidth + 1 <= 53
      let positions = isRounded ? TableErrorBlock.numbers(block[.position]) : nil
      if isExact && !mayOverflow {
        withUnsafePointer(to: chain.kernel) { chain in
          ropedrift_rounded_products(
            positions, Double(block.start), frequency, chain, TableErrorBlock.span,
            TableErrorBlock.numbers(stored), path.allowsVectors)
        }
        return
      }
      for lane in 0..<TableErrorBlock.span {
        let position = positions.map { $0[lane] } ?? Double(block.start + lane)
        stored[lane >> 2][lane & 3] = angleScalar!.product(position, frequency, StageCounter(.angle))
      }
      return
    }
    let isFast = !mayOverflow && (!isRounded || greatest(block[.displacement], block) < 0x1p21)
    if isFast {
      let displacement = isRounded ? TableErrorBlock.numbers(block[.displacement]) : nil
      let anyUndecided = withUnsafeNumbers(pair.rotation.pieces, 0.0) { pieces, _ in
        withUnsafePointer(to: chain.kernel) { chain in
          ropedrift_rounded_angles(
            block.sums(.angle, .angleLow), displacement, pieces, chain, TableErrorBlock.span,
            TableErrorBlock.numbers(stored), block.flags, path.allowsVectors)
        }
      }
      guard anyUndecided != 0 else { return }
    }
    for lane in isFast ? block.flaggedLanes() : Array(block.valid) {
      if isRounded, !TableErrorBlock.lane(block[.position], lane).isFinite {
        stored[lane >> 2][lane & 3] = TableErrorBlock.lane(block[.position], lane) * omega
        continue
      }
      block.fallbacks += 1
      stored[lane >> 2][lane & 3] = try reference.emulation(block.angleRepresentative(key)).angle(
        position: block.start + lane, pair: block.pair
      ).binary64()
    }
  }

  /// δ = a − θ and its low part.
  ///
  /// θ is known to 2^−102 of itself. A smaller δ is one that this cannot tell from zero, as where p·ω is rational and a is exactly
  /// that: the plain tier says what it is.
  private func writeDifferences(_ key: TableStages, _ block: TableErrorBlock) throws {
    let (delta, deltaLow, stored) = (block.delta(key), block.deltaLow(key), block.stored(key))
    let anyUnknown = ropedrift_angle_differences(
      TableErrorBlock.numbers(stored), block.sums(.angle, .angleLow), TableErrorBlock.span,
      TableErrorBlock.sums(delta, deltaLow), block.flags, path.allowsVectors)
    // Infinite angles have given NaN in the sums.
    guard anyUnknown != 0, pairs[block.pair].rotation.number == nil else { return }
    let rational = pairs[block.pair].rational
    for lane in block.flaggedLanes() {
      let position = block.start + lane
      deltaLow[lane >> 2][lane & 3] = 0
      if let exact = rational?.product(position), exact == stored[lane >> 2][lane & 3] {
        delta[lane >> 2][lane & 3] = 0
        continue
      }
      block.fallbacks += 1
      delta[lane >> 2][lane & 3] = try reference.angleError(
        position: position, pair: block.pair, block.angleRepresentative(key))
    }
  }
}
