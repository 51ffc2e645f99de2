// Rounding of whole arrays by a compiled kernel. Held to FloatingPointFormat.round bit for bit.

import FloatingPointFormats
import ReferenceEngine
import RoundingKernels

/// Rounds arrays once into a format of at most 24 bits and 32 bits of encoding whose numbers are binary64 numbers.
///
/// Results, edge cases and random bits are those of ``FloatingPointFormats/FloatingPointFormat/round(_:_:counter:)``, for any split of
/// the work: arrays are matrices of rows and columns, and the element of row r and column c stands at the counter
/// (w₀, w₁ + r, w₂ + c, w₃), each modulo 2^32.
public struct ArrayRounding: Sendable {
  /// What happened to the elements of an array.
  public struct Counts: Sendable, Hashable {
    /// Finite elements beyond the largest finite value.
    public var overflowed = 0
    /// Elements that are not zero, below the smallest normal value, and not exact.
    public var underflowed = 0
    /// Elements that are not zero and became zero.
    public var flushed = 0

    /// Counts, none unless said otherwise.
    public init(overflowed: Int = 0, underflowed: Int = 0, flushed: Int = 0) {
      (self.overflowed, self.underflowed, self.flushed) = (overflowed, underflowed, flushed)
    }
  }

  /// What happened to one element, in the bits of a byte.
  public struct Flags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// Flags from their bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// See ``Counts/overflowed``.
    public static let overflowed = Flags(rawValue: 1)
    /// See ``Counts/underflowed``.
    public static let underflowed = Flags(rawValue: 2)
    /// See ``Counts/flushed``.
    public static let flushed = Flags(rawValue: 4)
  }

  /// The format of the results.
  public let format: FloatingPointFormat
  private let kernel: ropedrift_rounding
  private let seed: UInt64
  private let allowsVectors: Int32

  /// A rounding, or nil where the format is not fit for it: p > 24, an encoding of more than 32 bits, or numbers whose units are no
  /// normal binary64 numbers (2^(emin − p + 1) below 2^−1022, or emax above 1023).
  public init?(
    _ format: FloatingPointFormat, _ rounding: Rounding = .nearestEven, path: KernelPath = .ofProcess
  ) {
    guard format.precision <= 24, format.bitWidth <= 32, format.maximumExponent <= 1023,
      format.minimumExponent - format.precision + 1 >= -1022
    else { return nil }
    self.format = format
    allowsVectors = path.allowsVectors
    var seed: UInt64 = 0
    let code: Int
    switch rounding {
    case .nearestEven: code = ROPEDRIFT_NEAREST_EVEN
    case .nearestAway: code = ROPEDRIFT_NEAREST_AWAY
    case .towardZero: code = ROPEDRIFT_TOWARD_ZERO
    case .up: code = ROPEDRIFT_UP
    case .down: code = ROPEDRIFT_DOWN
    case .odd: code = ROPEDRIFT_ODD
    case .stochastic(let given): (code, seed) = (ROPEDRIFT_STOCHASTIC, given)
    }
    self.seed = seed
    func encodings(_ value: (Bool) -> ExactValue) -> (UInt32, UInt32) {
      let rounded = [false, true].map { format.round(value($0), rounding).encoding }
      return (UInt32(rounded[0]), UInt32(rounded[1]))
    }
    func values(_ encodings: (UInt32, UInt32)) -> (Double, Double) {
      (format.double(of: UInt64(encodings.0)), format.double(of: UInt64(encodings.1)))
    }
    let infinity = encodings { .infinity(isNegative: $0) }
    // No format reaches 2^16384.
    let overflow = encodings {
      .finite(TruncatedReal(isNegative: $0, significand: 1, exponent: 16384))
    }
    kernel = ropedrift_rounding(
      rounding: Int32(code), precision: Int32(format.precision),
      minimum_exponent: Int32(format.minimumExponent), has_subnormals: format.hasSubnormals ? 1 : 0,
      largest: UInt32(format.largestFiniteEncoding(isNegative: false)),
      sign: UInt32(format.zeroEncoding(isNegative: true)), nan: UInt32(format.nanEncoding),
      infinity: infinity,
      overflow: overflow, infinity_value: values(infinity), overflow_value: values(overflow))
  }

  /// Rounds rows of binary64 numbers to values.
  ///
  /// - Parameters:
  ///   - source: (rows, columns) row-major; any number of rows, the last of which may be short.
  ///   - columns: elements of a row; all of them where none is given.
  ///   - counter: where the first element stands, for stochastic rounding.
  ///   - values: one place an element; may be the source.
  ///   - flags: where given, one byte an element, which collects ``Flags``.
  /// - Returns: how many elements overflowed, underflowed and became zero.
  @discardableResult
  public func round(
    _ source: UnsafeBufferPointer<Double>, columns: Int? = nil, counter: RoundingCounter = RoundingCounter(),
    into values: UnsafeMutableBufferPointer<Double>, flags: UnsafeMutablePointer<UInt8>? = nil
  ) -> Counts {
    precondition(values.count >= source.count)
    return round(
      UnsafeRawBufferPointer(source), ROPEDRIFT_BINARY64, size: 8, columns: columns, counter,
      into: values.baseAddress, ROPEDRIFT_BINARY64, size: 8, flags: flags)
  }

  /// Rounds rows of binary32 numbers to encodings of `Encoding.bitWidth` bits, as ``round(_:columns:counter:into:flags:)`` rounds rows of
  /// binary64 numbers to values.
  ///
  /// - Precondition: the format's encodings fit `Encoding`, which is of 8, 16 or 32 bits.
  @discardableResult
  public func round<Encoding: FixedWidthInteger & UnsignedInteger>(
    _ source: UnsafeBufferPointer<Float>, columns: Int? = nil, counter: RoundingCounter = RoundingCounter(),
    into encodings: UnsafeMutableBufferPointer<Encoding>, flags: UnsafeMutablePointer<UInt8>? = nil
  ) -> Counts {
    precondition(encodings.count >= source.count && Encoding.bitWidth >= format.bitWidth)
    return round(
      UnsafeRawBufferPointer(source), ROPEDRIFT_BINARY32, size: 4, columns: columns, counter,
      into: encodings.baseAddress, Self.kind(of: Encoding.self), size: Encoding.bitWidth / 8, flags: flags)
  }

  /// Rounds rows of binary64 numbers to encodings, likewise.
  ///
  /// - Precondition: the format's encodings fit `Encoding`, which is of 8, 16 or 32 bits.
  @discardableResult
  public func round<Encoding: FixedWidthInteger & UnsignedInteger>(
    _ source: UnsafeBufferPointer<Double>, columns: Int? = nil, counter: RoundingCounter = RoundingCounter(),
    into encodings: UnsafeMutableBufferPointer<Encoding>, flags: UnsafeMutablePointer<UInt8>? = nil
  ) -> Counts {
    precondition(encodings.count >= source.count && Encoding.bitWidth >= format.bitWidth)
    return round(
      UnsafeRawBufferPointer(source), ROPEDRIFT_BINARY64, size: 8, columns: columns, counter,
      into: encodings.baseAddress, Self.kind(of: Encoding.self), size: Encoding.bitWidth / 8, flags: flags)
  }

  private static func kind<Encoding: FixedWidthInteger>(of type: Encoding.Type) -> Int {
    switch type.bitWidth {
    case 8: ROPEDRIFT_ENCODING8
    case 16: ROPEDRIFT_ENCODING16
    case 32: ROPEDRIFT_ENCODING32
    default: preconditionFailure("encodings are of 8, 16 or 32 bits")
    }
  }

  private func round(
    _ source: UnsafeRawBufferPointer, _ sourceKind: Int, size: Int, columns: Int?, _ counter: RoundingCounter,
    into result: UnsafeMutableRawPointer?, _ resultKind: Int, size resultSize: Int,
    flags: UnsafeMutablePointer<UInt8>?
  ) -> Counts {
    let count = source.count / size
    guard count > 0, let from = source.baseAddress, let result else { return Counts() }
    let width = columns ?? count
    precondition(width > 0)
    let rows = count / width
    var kernel = kernel
    let words = counter.words
    var place = ropedrift_random_place(
      seed: seed, first: words[0], row: words[1], column: words[2], last: words[3])
    var counts = ropedrift_rounding_counts()
    ropedrift_round_array(
      from, Int32(sourceKind), rows, width, &kernel, &place, allowsVectors, result, Int32(resultKind), flags,
      &counts)
    let done = rows * width
    if done < count {
      place.row &+= UInt32(truncatingIfNeeded: rows)
      ropedrift_round_array(
        from + done * size, Int32(sourceKind), 1, count - done, &kernel, &place, allowsVectors,
        result + done * resultSize, Int32(resultKind), flags.map { $0 + done }, &counts)
    }
    return Counts(
      overflowed: Int(counts.overflowed), underflowed: Int(counts.underflowed), flushed: Int(counts.flushed))
  }
}

/// The roundings of a chain, one after the other.
struct ArrayRoundingChain: Sendable {
  private let roundings: [ArrayRounding]

  /// Nil where a format is not fit for ``ArrayRounding``.
  init?(_ chain: RoundingChain, path: KernelPath = .ofProcess) {
    let roundings = chain.formats.compactMap { ArrayRounding($0, chain.rounding, path: path) }
    guard roundings.count == chain.formats.count else { return nil }
    self.roundings = roundings
  }

  /// Rounds rows in place through the formats, as the plain tier's `round` does element by element, the first element at `counter`.
  ///
  /// - Returns: how many elements overflowed or underflowed in any of the roundings, and became zero.
  @discardableResult
  func round(
    _ values: UnsafeMutableBufferPointer<Double>, columns: Int? = nil, _ counter: StageCounter, step: Int = 0
  ) -> ArrayRounding.Counts {
    func apply(_ index: Int, flags: UnsafeMutablePointer<UInt8>?) -> ArrayRounding.Counts {
      roundings[index].round(
        UnsafeBufferPointer(values), columns: columns, counter: counter.step(step, format: index),
        into: values,
        flags: flags)
    }
    guard roundings.count != 1 else { return apply(0, flags: nil) }
    // An element that overflows twice counts once.
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, values.count)) { flags in
      flags.initialize(repeating: 0)
      for index in roundings.indices { _ = apply(index, flags: flags.baseAddress) }
      var counts = ArrayRounding.Counts()
      for flag in flags.prefix(values.count) {
        counts.overflowed += Int(flag & 1)
        counts.underflowed += Int(flag >> 1 & 1)
        counts.flushed += Int(flag >> 2 & 1)
      }
      return counts
    }
  }
}
