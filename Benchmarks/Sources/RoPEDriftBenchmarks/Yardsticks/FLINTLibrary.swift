// FLINT's certified matrix product, where FLINT (or Arb, before they became one) is installed. Looked for when the benchmarks run,
// so that nobody has to install it to build them.

import BenchmarkHarness
import CMPFR
import Foundation

/// The functions of FLINT that a certified product takes.
struct FLINTLibrary {
  private typealias Matrix = UnsafeMutableRawPointer
  private typealias Initialize = @convention(c) (Matrix, Int, Int) -> Void
  private typealias Clear = @convention(c) (Matrix) -> Void
  private typealias Entry = @convention(c) (Matrix, Int, Int) -> UnsafeMutableRawPointer
  private typealias Multiply = @convention(c) (Matrix, Matrix, Matrix, Int) -> Void
  private typealias Assign = @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer) -> Void
  private typealias Accuracy = @convention(c) (UnsafeRawPointer) -> Int

  private let initialize: Initialize
  private let clear: Clear
  private let entry: Entry
  private let multiply: Multiply
  private let assign: Assign
  private let accuracy: Accuracy
  /// The library's file name.
  let name: String

  /// Files that hold the functions: FLINT 3, then Arb as Debian 12 names it, then Arb.
  private static let names = [
    "libflint.so", "libflint.so.22", "libflint.so.21", "libflint.so.20", "libflint.so.19", "libflint.so.18",
    "libflint-arb.so.2", "libarb.so.2", "libflint.dylib", "libarb.dylib",
  ]

  /// The installed library; nil where there is none that has all the functions.
  init?() {
    for name in Self.names {
      guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
      func function<Function>(_ symbol: String, _ type: Function.Type) -> Function? {
        dlsym(handle, symbol).map { unsafeBitCast($0, to: type) }
      }
      guard let initialize = function("arb_mat_init", Initialize.self),
        let clear = function("arb_mat_clear", Clear.self),
        let entry = function("arb_mat_entry_ptr", Entry.self),
        let multiply = function("arb_mat_mul", Multiply.self),
        let assign = function("arf_set_mpfr", Assign.self),
        let accuracy = function("arb_rel_accuracy_bits", Accuracy.self)
      else {
        dlclose(handle)
        continue
      }
      (self.initialize, self.clear, self.entry) = (initialize, clear, entry)
      (self.multiply, self.assign, self.accuracy) = (multiply, assign, accuracy)
      self.name = name
      return
    }
    return nil
  }

  /// The product of rotated queries and rotated keys in ball arithmetic; a score is a unit of work.
  ///
  /// - Parameters:
  ///   - sample: the rotated vectors.
  ///   - precision: bits of the product.
  /// - Returns: the contender, and what share of the scores it bounds within 2^−54 relatively, which a rounding to binary64 takes.
  func contender(_ sample: RotatedSample, precision: Int) -> (Contender, share: () -> Double) {
    let (side, channels) = (sample.queryTokens.count, AttentionVectors.channels)
    let (queries, keys, product) = (FLINTMatrix(self), FLINTMatrix(self), FLINTMatrix(self))
    initialize(queries.memory, side, channels)
    initialize(keys.memory, channels, side)
    initialize(product.memory, side, side)
    for row in 0..<side {
      for channel in 0..<channels {
        // A ball begins with its midpoint, and its radius is zero as yet.
        assign(entry(queries.memory, row, channel), sample.queries[row * channels + channel])
        assign(entry(keys.memory, channel, row), sample.keys[row * channels + channel])
      }
    }
    let contender = Contender.timed(
      "FLINT arb_mat_mul, \(precision) bits (\(name))", work: Double(side * side)
    ) {
      multiply(product.memory, queries.memory, keys.memory, precision)
    }
    return (
      contender,
      {
        var count = 0
        for row in 0..<side {
          for column in 0..<side where accuracy(entry(product.memory, row, column)) > 54 { count += 1 }
        }
        return Double(count) / Double(side * side)
      }
    )
  }

  /// A matrix, in more memory than any version's `arb_mat_t` takes.
  private final class FLINTMatrix {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 16)
    private let library: FLINTLibrary

    init(_ library: FLINTLibrary) {
      self.library = library
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: 256)
    }

    deinit {
      library.clear(memory)
      memory.deallocate()
    }
  }
}
