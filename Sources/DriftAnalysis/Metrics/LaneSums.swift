// Sums and maxima over runs of positions that come four abreast, as the tables' fast evaluation delivers them.

import ReferenceEngine
import RoundingKernels

/// The first greatest magnitude of a run.
public struct RunMaximum: Sendable, Hashable {
  /// max|x|.
  public var magnitude: Double
  /// The index of the first lane that has it.
  public var lane: Int
}

/// Reductions over lanes of (n/4) vectors of four; lanes outside a range and NaN are passed over.
public enum LaneRun {
  /// The greatest magnitude above `floor`, and the first lane that has it; nil where none is above.
  public static func maximum(
    _ values: UnsafePointer<SIMD4<Double>>, lanes: Range<Int>, above floor: Double
  ) -> RunMaximum? {
    let numbers = UnsafeRawPointer(values).assumingMemoryBound(to: Double.self)
    let result = ropedrift_greatest_magnitude(
      numbers + lanes.lowerBound, lanes.count, floor, KernelPath.ofProcess.allowsVectors)
    guard result > floor else { return nil }
    // Second pass, over the few runs that hold a new maximum.
    for lane in lanes where value(values, lane).magnitude == result {
      return RunMaximum(magnitude: result, lane: lane)
    }
    return nil
  }

  /// Adds Σx and Σx² over the lanes that are not NaN; returns how many are NaN.
  public static func addSums(
    _ values: UnsafePointer<SIMD4<Double>>, lanes: Range<Int>, signed: inout CompensatedSum,
    squares: inout CompensatedSum
  ) -> Int {
    var (sum, sumError) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
    var (square, squareError) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
    var nans = SIMD4<Int64>.zero
    for vector in whole(lanes) {
      let x = finite(values[vector], &nans)
      add(x, &sum, &sumError)
      add(x * x, &square, &squareError)
    }
    merge(sum, sumError, into: &signed)
    merge(square, squareError, into: &squares)
    var count = Int(nans.wrappedSum())
    for lane in edges(lanes) {
      let x = value(values, lane)
      guard !x.isNaN else {
        count += 1
        continue
      }
      signed.add(x)
      squares.add(x * x)
    }
    return count
  }

  /// Adds Σ(x² + y²) over the lanes that are not NaN; returns how many of the x and y are NaN.
  public static func addSquares(
    _ x: UnsafePointer<SIMD4<Double>>, _ y: UnsafePointer<SIMD4<Double>>, lanes: Range<Int>,
    to squares: inout CompensatedSum
  ) -> Int {
    var (square, squareError) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
    var nans = SIMD4<Int64>.zero
    for vector in whole(lanes) {
      let (a, b) = (finite(x[vector], &nans), finite(y[vector], &nans))
      add(a * a + b * b, &square, &squareError)
    }
    merge(square, squareError, into: &squares)
    var count = Int(nans.wrappedSum())
    for lane in edges(lanes) {
      for value in [value(x, lane), value(y, lane)] {
        if value.isNaN { count += 1 } else { squares.add(value * value) }
      }
    }
    return count
  }

  /// How many neighbouring lanes hold equal finite numbers, and how many hold finite numbers.
  public static func equalNeighbours(
    _ values: UnsafePointer<SIMD4<Double>>, lanes: Range<Int>
  ) -> (equal: Int, finite: Int) {
    UnsafeRawPointer(values).withMemoryRebound(to: Double.self, capacity: lanes.upperBound) { numbers in
      var (equal, finite) = (0, 0)
      var previous = numbers[lanes.lowerBound]
      for lane in lanes.dropFirst() {
        let next = numbers[lane]
        equal += next == previous && (next - next == 0) ? 1 : 0
        finite += (next - previous) - (next - previous) == 0 ? 1 : 0
        previous = next
      }
      return (equal, finite)
    }
  }

  /// Lane `index`.
  @inline(__always) public static func value(_ values: UnsafePointer<SIMD4<Double>>, _ index: Int) -> Double {
    values[index >> 2][index & 3]
  }

  /// The vectors all of whose lanes are in the range.
  @inline(__always) private static func whole(_ lanes: Range<Int>) -> Range<Int> {
    let first = (lanes.lowerBound + 3) / 4
    return first..<max(first, lanes.upperBound / 4)
  }

  /// The lanes of the range outside ``whole(_:)``.
  private static func edges(_ lanes: Range<Int>) -> [Int] {
    let inside = whole(lanes)
    return lanes.prefix(while: { $0 < 4 * inside.lowerBound })
      + lanes.dropFirst(max(0, 4 * inside.upperBound - lanes.lowerBound))
  }

  @inline(__always) private static func finite(
    _ x: SIMD4<Double>, _ nans: inout SIMD4<Int64>
  ) -> SIMD4<Double> {
    let isNaN = x .!= x
    nans.replace(with: nans &+ 1, where: isNaN)
    return x.replacing(with: 0, where: isNaN)
  }

  @inline(__always) private static func add(
    _ x: SIMD4<Double>, _ sum: inout SIMD4<Double>, _ error: inout SIMD4<Double>
  ) {
    let total = sum + x
    let part = total - sum
    error += (sum - (total - part)) + (x - part)
    sum = total
  }

  private static func merge(
    _ sum: SIMD4<Double>, _ error: SIMD4<Double>, into total: inout CompensatedSum
  ) {
    for lane in 0..<4 { total.add(CompensatedSum(sum: sum[lane], compensation: error[lane])) }
  }
}
