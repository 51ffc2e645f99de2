// Rotated vectors as pairs of binary64 numbers a channel, for scores without MPFR: what the kernel reads, and the norms that its error
// bound is made from. Documentation/ErrorBounds.md derives the bound.

import ArbitraryPrecision
import CMPFR
import Foundation
import RoundingKernels

/// How channels are sliced: v = head + tail, heads integer multiples of 2^(e − β) with |head| ≤ 2^e, where 2^e bounds the vector, so
/// that all d products of two heads add exactly (d·2^(2β) ≤ 2^53).
struct VectorSlicing: Sendable {
  /// d.
  let channels: Int
  /// β.
  let headBits: Int

  init(channels: Int) {
    self.channels = channels
    let levels = channels <= 1 ? 0 : Int.bitWidth - (channels - 1).leadingZeroBitCount
    headBits = (53 - levels) / 2
  }

  /// u·(g + 2): what rounding adds to products of heads and tails, see Documentation/ErrorBounds.md.
  var mixedFactor: Double {
    let chunk = Int(ROPEDRIFT_SLICED_CHUNK)
    return 0x1p-53 * Double(min(chunk, channels) + (channels + chunk - 1) / chunk + 4) * (1 + 0x1p-20)
  }

  /// u·(2g + d + 12): what rounding adds to products of tails, and the tails in heads' bounds.
  var tailFactor: Double { 2 * mixedFactor + 0x1p-53 * Double(channels + 12) * (1 + 0x1p-20) }

  /// Slices d MPFR numbers; false where the vector is zero or out of the range that the bound covers.
  ///
  /// - Parameters:
  ///   - vector: d numbers of 128 bits.
  ///   - heads: where the head of a channel goes.
  ///   - tails: likewise.
  ///   - stride: from one channel to the next.
  func slice(
    _ vector: MPFRPointer, heads: UnsafeMutablePointer<Double>, tails: UnsafeMutablePointer<Double>,
    stride: Int,
    scratch: MPFRPointer
  ) -> Bool {
    var largest = 0.0
    for channel in 0..<channels {
      let value = mpfr_get_d(vector + channel, MPFR_RNDN)
      heads[channel * stride] = value
      guard value.isFinite else { return false }
      largest = max(largest, value.magnitude)
    }
    guard largest > 0x1p-300, largest < 0x1p300 else { return false }
    // 2^e > |v|; adding and taking away 1.5·2^(52 + e − β) rounds to a multiple of 2^(e − β).
    let shifter = Double(sign: .plus, exponent: Int(largest.exponent) + 1 + 52 - headBits, significand: 1.5)
    for channel in 0..<channels {
      let head = (heads[channel * stride] + shifter) - shifter
      mpfr_sub_d(scratch, UnsafePointer(vector + channel), head, MPFR_RNDN)
      heads[channel * stride] = head
      tails[channel * stride] = mpfr_get_d(scratch, MPFR_RNDN)
    }
    return true
  }
}

/// The keys of one head, sliced, in blocks of eight.
final class SlicedKeys: @unchecked Sendable {
  // Written in init, read after it by any number of threads.
  private let heads: UnsafeMutablePointer<Double>
  private let tails: UnsafeMutablePointer<Double>
  private let bounds: UnsafeMutablePointer<Double>
  private let tailBounds: UnsafeMutablePointer<Double>
  let slicing: VectorSlicing

  static let width = Int(ROPEDRIFT_SLICED_BLOCK)

  /// - Parameters:
  ///   - rotated: (tokens, d) numbers of 128 bits.
  ///   - norms: a bound on the norm of each rotated key.
  init(rotated: MPFRArena, norms: [Double], channels: Int) {
    slicing = VectorSlicing(channels: channels)
    let width = Self.width
    let blocks = (norms.count + width - 1) / width
    func zeros(_ count: Int) -> UnsafeMutablePointer<Double> {
      let pointer = UnsafeMutablePointer<Double>.allocate(capacity: max(count, 1))
      pointer.initialize(repeating: 0, count: max(count, 1))
      return pointer
    }
    heads = zeros(blocks * channels * width)
    tails = zeros(blocks * channels * width)
    bounds = zeros(blocks * width)
    tailBounds = zeros(blocks * width)
    let scratch = MPFRNumber(precision: rotated.precision)
    for (key, norm) in norms.enumerated() {
      let first = key / width * channels * width + key % width
      let isSliced = slicing.slice(
        rotated.base + key * channels, heads: heads + first, tails: tails + first, stride: width,
        scratch: scratch.pointer)
      guard isSliced, norm < 0x1p400 else {
        bounds[key] = .infinity
        tailBounds[key] = .infinity
        continue
      }
      let tailNorm = Self.norm(tails + first, channels: channels, stride: width)
      bounds[key] = slicing.mixedFactor * tailNorm + 0x1p-124 * norm
      tailBounds[key] = slicing.mixedFactor * norm + slicing.tailFactor * tailNorm
    }
  }

  deinit {
    heads.deallocate()
    tails.deallocate()
    bounds.deallocate()
    tailBounds.deallocate()
  }

  /// A bound on a norm: the computed one, whose relative error is below (n + 2)·2^−53, raised by 2^−30, and above what may underflow.
  static func norm(_ vector: UnsafePointer<Double>, channels: Int, stride: Int) -> Double {
    var sum = 0.0
    for channel in 0..<channels {
      let value = vector[channel * stride]
      sum += value * value
    }
    return max(sum.squareRoot() * (1 + 0x1p-30), 0x1p-500)
  }

  /// Scores of a sliced query against the blocks from `first`, rounded to binary64; NaN where the bound does not decide.
  func scores(
    _ query: inout ropedrift_sliced_query, firstBlock first: Int, blocks: Int, allowsVectors: Bool,
    into scores: UnsafeMutablePointer<Double>
  ) {
    var keys = ropedrift_sliced_keys(
      head: heads, tail: tails, bound: bounds, tail_bound: tailBounds, channels: slicing.channels)
    ropedrift_sliced_scores(&query, &keys, first, blocks, allowsVectors ? 1 : 0, scores)
  }
}

/// Which way the kernels go.
public enum KernelPath: Sendable {
  /// Vectors where the processor has them.
  case automatic
  /// One number at a time; what machines without AVX2 and FMA run, and tests anywhere.
  case scalar

  /// The path of this process: `automatic` unless the environment has `ROPEDRIFT_KERNELS=scalar`.
  public static let ofProcess: KernelPath =
    ProcessInfo.processInfo.environment["ROPEDRIFT_KERNELS"] == "scalar" ? .scalar : .automatic
}
