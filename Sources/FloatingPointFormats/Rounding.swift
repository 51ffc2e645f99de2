// The seven ways to choose between the two neighbours of an exact value.

/// How an exact value that lies between two neighbours of a format is rounded.
///
/// Results above the range: `nearestEven`, `nearestAway` and `stochastic` overflow to infinity (NaN where there is none),
/// the directed ones as IEEE 754 §7.4 says, `odd` to the largest finite value. A saturating format never overflows.
public enum Rounding: Sendable, Hashable {
  /// To the nearest neighbour, ties to the one with an even significand.
  case nearestEven
  /// To the nearest neighbour, ties away from zero.
  case nearestAway
  /// To the neighbour of smaller magnitude.
  case towardZero
  /// To the greater neighbour.
  case up
  /// To the lesser neighbour.
  case down
  /// To the neighbour with an odd significand [Boldo2008]; exact values stay.
  case odd
  /// Away from zero with probability ⌊2^64·f⌋/2^64, f the distance from the neighbour nearer zero in units of the gap; a
  /// function of the seed and of the counter given with the operation ([Salmon2011]), never of the order of the work.
  case stochastic(seed: UInt64)

  /// The spellings, in the order of the cases.
  public static let names = [
    "nearest-even", "nearest-away", "toward-zero", "up", "down", "odd", "stochastic",
  ]

  /// Reads one of ``names``.
  ///
  /// - Parameters:
  ///   - spelling: the name.
  ///   - seed: the seed that `stochastic` takes; the others ignore it.
  /// - Throws: ``FormatError/unknownRounding(_:suggestion:)``.
  public init(spelling: String, seed: UInt64 = 0) throws {
    switch spelling {
    case "nearest-even": self = .nearestEven
    case "nearest-away": self = .nearestAway
    case "toward-zero": self = .towardZero
    case "up": self = .up
    case "down": self = .down
    case "odd": self = .odd
    case "stochastic": self = .stochastic(seed: seed)
    default:
      throw FormatError.unknownRounding(spelling, suggestion: nearestName(to: spelling, among: Self.names))
    }
  }

  /// The name, one of ``names`` (a seed is not part of it).
  public var spelling: String {
    switch self {
    case .nearestEven: "nearest-even"
    case .nearestAway: "nearest-away"
    case .towardZero: "toward-zero"
    case .up: "up"
    case .down: "down"
    case .odd: "odd"
    case .stochastic: "stochastic"
    }
  }
}

/// Where an operation stands, for stochastic rounding: four 32-bit coordinates that no other operation of the same run
/// shares. The random word depends on these and on the seed alone.
public struct RoundingCounter: Sendable, Hashable {
  /// The coordinates, first to last.
  public var words: SIMD4<UInt32>

  /// A counter from its coordinates.
  public init(_ first: UInt32 = 0, _ second: UInt32 = 0, _ third: UInt32 = 0, _ fourth: UInt32 = 0) {
    words = SIMD4(first, second, third, fourth)
  }
}
