// Stored angles and their differences δ from the exact ones, for one set of rounded stages.

import FloatingPointFormats

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

  /// max|x| over the lanes that are asked for; NaN is passed over.
  private func greatest(_ buffer: UnsafeMutablePointer<Lanes>, _ block: TableErrorBlock) -> Double {
    var greatest = Lanes.zero
    for vector in block.valid.lowerBound / 4..<(block.valid.upperBound + 3) / 4 {
      let magnitude = buffer[vector].magnitudes
      greatest = greatest.replacing(with: magnitude, where: magnitude .> greatest)
    }
    return greatest.max()
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
      for vector in 0..<TableErrorBlock.vectors {
        let position =
          isRounded ? block[.position][vector] : Lanes(0, 1, 2, 3) + Double(block.start + 4 * vector)
        if isExact && !mayOverflow {
          stored[vector] = chain(position * frequency)
        } else {
          for lane in 0..<4 {
            stored[vector][lane] = angleScalar!.product(position[lane], frequency, StageCounter(.angle))
          }
        }
      }
      return
    }
    let pieces = pair.rotation.pieces
    let isFast = !mayOverflow && (!isRounded || greatest(block[.displacement], block) < 0x1p21)
    for vector in 0..<TableErrorBlock.vectors {
      var undecided = SIMDMask<SIMD4<Int64>>(repeating: !isFast)
      if isFast {
        var (high, low) = (block[.angle][vector], block[.angleLow][vector])
        if isRounded {
          (high, low) = ExactRotation.sum(high, low, plus: block[.displacement][vector], times: pieces)
        }
        stored[vector] = chain(high, low, bound: high.magnitudes * 0x1p-100, undecided: &undecided)
      }
      guard any(undecided) else { continue }
      for lane in 0..<4 where undecided[lane] && block.valid.contains(4 * vector + lane) {
        if isRounded, !block[.position][vector][lane].isFinite {
          stored[vector][lane] = block[.position][vector][lane] * omega
          continue
        }
        let position = block.start + 4 * vector + lane
        block.fallbacks += 1
        stored[vector][lane] = try reference.emulation(block.angleRepresentative(key)).angle(
          position: position, pair: block.pair
        ).binary64()
      }
    }
  }

  /// δ = a − θ and its low part.
  ///
  /// θ is known to 2^−102 of itself. A smaller δ is one that this cannot tell from zero, as where p·ω is rational and a is exactly
  /// that: the plain tier says what it is.
  private func writeDifferences(_ key: TableStages, _ block: TableErrorBlock) throws {
    let (delta, deltaLow, stored) = (block.delta(key), block.deltaLow(key), block.stored(key))
    let isExact = pairs[block.pair].rotation.number != nil
    let rational = pairs[block.pair].rational
    for vector in 0..<TableErrorBlock.vectors {
      let theta = block[.angle][vector]
      let (difference, error) = twoSum(stored[vector], -theta)
      let (sum, rest) = twoSum(difference, -block[.angleLow][vector])
      let (high, low) = fastTwoSum(sum, error + rest)
      // Infinite angles have given NaN in the sums.
      delta[vector] = high
      deltaLow[vector] = low
      guard !isExact else { continue }
      let isUnknown = high.magnitudes .<= theta * 0x1p-96 .& (theta .> 0)
      guard any(isUnknown) else { continue }
      for lane in 0..<4 where isUnknown[lane] && block.valid.contains(4 * vector + lane) {
        let position = block.start + 4 * vector + lane
        deltaLow[vector][lane] = 0
        if let exact = rational?.product(position), exact == stored[vector][lane] {
          delta[vector][lane] = 0
          continue
        }
        block.fallbacks += 1
        delta[vector][lane] = try reference.angleError(
          position: position, pair: block.pair, block.angleRepresentative(key))
      }
    }
  }
}
