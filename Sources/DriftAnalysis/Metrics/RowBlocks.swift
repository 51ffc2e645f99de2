// A row of a tile is worked off in blocks whose scratch stays in the nearest cache, and a block in runs
// without NaN and infinity, so that the loops of SumColumn need no test for them.

/// Pairs per block. Also the number of lanes of a sum that is kept neither per key nor per distance: a lane
/// is the place in the block, on every machine, because the lanes decide the last bits.
let blockSize = 512

/// Scratch for one block of doubles. Owned by one accumulator.
final class BlockScratch {
  let values: UnsafeMutablePointer<Double>

  init() {
    values = .allocate(capacity: blockSize)
    values.initialize(repeating: 0, count: blockSize)
  }

  deinit { values.deallocate() }
}

/// Cuts `keys` into blocks; `body` gets each and its offset from the first key.
@inline(__always)
func forEachBlock(of keys: Range<Int>, _ body: (_ block: Range<Int>, _ offset: Int) -> Void) {
  var start = keys.lowerBound
  while start < keys.upperBound {
    let end = min(start + blockSize, keys.upperBound)
    body(start..<end, start - keys.lowerBound)
    start = end
  }
}

/// The same 64 bits as another type. `Double.bitPattern` may stay a call into the standard library, and a
/// loop with a call is not vectorised.
@inline(__always)
func reinterpret<From, To>(_ x: From, as type: To.Type) -> To { unsafeBitCast(x, to: type) }

/// The encoding of x.
@inline(__always)
func bits(of x: Double) -> UInt64 { reinterpret(x, as: UInt64.self) }

/// out[k] = a[k] − b[k] for k < n; says whether all are finite.
func subtract(
  _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, count n: Int, into out: UnsafeMutablePointer<Double>
) -> Bool {
  for k in 0..<n { out[k] = a[k] - b[k] }
  // The exponent field plus one unit carries into the sign bit exactly where all its bits are set.
  var carries: UInt64 = 0
  for k in 0..<n { carries |= (bits(of: out[k]) & 0x7FF0_0000_0000_0000) &+ 0x0010_0000_0000_0000 }
  return carries >> 63 == 0
}

/// Cuts 0..<n into maximal runs of finite values and single values that are not finite.
@inline(__always)
func forEachFiniteRun(
  _ x: UnsafePointer<Double>, count n: Int, allFinite: Bool, run: (Range<Int>) -> Void,
  nonfinite: (Int) -> Void
) {
  if allFinite {
    run(0..<n)
    return
  }
  var start = 0
  for k in 0..<n where !x[k].isFinite {
    if start < k { run(start..<k) }
    nonfinite(k)
    start = k + 1
  }
  if start < n { run(start..<n) }
}

// Tests of a whole row by sign bits: comparisons that branch are not vectorised, subtractions and "or" are.

/// False only if no x[k] is greater than `threshold`.
@inline(__always)
func mayExceed(_ x: UnsafePointer<Double>, _ threshold: Double, count n: Int) -> Bool {
  var signs: UInt64 = 0
  for k in 0..<n { signs |= bits(of: threshold - x[k]) }
  return signs >> 63 != 0
}

/// False only if no |x[k]| is greater than thresholds[k].
@inline(__always)
func magnitudesMayExceed(
  _ x: UnsafePointer<Double>, _ thresholds: UnsafePointer<Double>, count n: Int
) -> Bool {
  var signs: UInt64 = 0
  for k in 0..<n { signs |= bits(of: thresholds[k] - abs(x[k])) }
  return signs >> 63 != 0
}

/// How many of x[k] are zeros of either sign.
@inline(__always)
func zeroCount(_ x: UnsafePointer<Double>, count n: Int) -> Int {
  var signs: UInt64 = 0
  for k in 0..<n { signs |= (bits(of: x[k]) & 0x7FFF_FFFF_FFFF_FFFF) &- 1 }
  guard signs >> 63 != 0 else { return 0 }
  var zeros = 0
  for k in 0..<n where x[k] == 0 { zeros += 1 }
  return zeros
}
