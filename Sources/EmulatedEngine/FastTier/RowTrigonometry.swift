// cos and sin after the trig stage for rows of positions: the kernel's where its bound decides, the plain tier's elsewhere. Held to
// Emulation.trigonometry bit for bit.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import RoundingKernels

/// The trig stage of a recipe over rows of positions.
struct RowTrigonometry: Sendable {
  private let emulation: Emulation
  private let angles: RowAngles
  private let first: FloatingPointFormat
  private let rest: ArrayRoundingChain?
  private let allowsVectors: Int32

  /// Nil where cos and sin are not correctly rounded to nearest even, first to a format of at most 24 bits with subnormals, or where
  /// ``RowAngles`` does not know the angles.
  init?(_ emulation: Emulation, path: KernelPath = .ofProcess) throws {
    let stage = emulation.recipe.trig
    guard stage.ulpModel == nil, stage.rounding.rounding == .nearestEven,
      let first = stage.rounding.formats.first,
      first.precision <= 24, first.hasSubnormals, (-900...0).contains(first.minimumExponent),
      first.maximumExponent <= 1023, let angles = try RowAngles(emulation)
    else { return nil }
    // Formats that hold everything the ones before them give change nothing.
    var changing: [FloatingPointFormat] = []
    var narrowest = first
    for format in stage.rounding.formats.dropFirst() where !narrowest.isSubset(of: format) {
      changing.append(format)
      narrowest = format
    }
    if changing.isEmpty {
      rest = nil
    } else {
      guard let chain = ArrayRoundingChain(RoundingChain(changing), path: path) else { return nil }
      rest = chain
    }
    self.emulation = emulation
    self.angles = angles
    self.first = first
    allowsVectors = path.allowsVectors
  }

  /// (positions, pairs): cos and sin of the stored angles, rounded to the trig stage's formats.
  ///
  /// - Throws: ``UndecidedRounding``.
  func table(_ positions: TokenPositions, threads: Int) throws -> (cosine: [Double], sine: [Double]) {
    let pairs = emulation.embedding.pairCount
    let count = positions.tokens * pairs
    // Blocks of rows that stay in the first cache.
    let rows = max(1, 512 / max(1, pairs))
    let blocks = (positions.tokens + rows - 1) / rows
    var failure: (any Error)?
    var sine: [Double] = []
    let cosine = [Double](unsafeUninitializedCapacity: count) { cosines, initialized in
      sine = [Double](unsafeUninitializedCapacity: count) { sines, initialized in
        nonisolated(unsafe) let (cosines, sines) = (cosines, sines)
        do {
          _ = try concurrentMap(count: blocks, threads: threads) { block in
            let range = block * rows..<min(positions.tokens, (block + 1) * rows)
            let entries = range.lowerBound * pairs..<range.upperBound * pairs
            try write(
              positions, range, cosines: UnsafeMutableBufferPointer(rebasing: cosines[entries]),
              sines: UnsafeMutableBufferPointer(rebasing: sines[entries]))
          }
          initialized = count
        } catch {
          failure = error
        }
      }
      initialized = failure == nil ? count : 0
    }
    if let failure { throw failure }
    return (cosine, sine)
  }

  private func write(
    _ positions: TokenPositions, _ tokens: Range<Int>, cosines: UnsafeMutableBufferPointer<Double>,
    sines: UnsafeMutableBufferPointer<Double>
  ) throws {
    let pairs = emulation.embedding.pairCount
    guard pairs > 0, !tokens.isEmpty else { return }
    // The angles stand where the sines will.
    angles.write(positions, tokens, into: sines)
    let undecided = ropedrift_cosines_and_sines(
      sines.baseAddress!, sines.count, Int32(first.precision), Int32(first.minimumExponent), allowsVectors,
      cosines.baseAddress!, sines.baseAddress!)
    if let rest {
      rest.round(cosines, StageCounter(.cosine))
      rest.round(sines, StageCounter(.sine))
    }
    guard undecided > 0 else { return }
    for index in cosines.indices where cosines[index].isNaN || sines[index].isNaN {
      let position = positions.position(ofToken: tokens.lowerBound + index / pairs)
      let (_, cosine, sine) = try emulation.trigonometry(position: position, pair: index % pairs)
      cosines[index] = try cosine.binary64()
      sines[index] = try sine.binary64()
    }
  }
}
