// What sweeps over many inputs share: the switch for long runs, a seeded generator, and a collector that reports the first
// few failures of a sweep instead of stopping at one or printing thousands.

import Foundation

/// Whether the long sweeps run: `ROPEDRIFT_EXHAUSTIVE=1 swift test`. Such tests carry the trait `.enabled(if: isExhaustive)`.
public let isExhaustive = ProcessInfo.processInfo.environment["ROPEDRIFT_EXHAUSTIVE"] == "1"

/// SplitMix64, seeded: the same sequence on every machine.
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  /// A generator from a seed.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number in 0 ..< bound, with a bias that does not matter to tests.
  public mutating func below(_ bound: Int) -> Int { Int(next() >> 1) % bound }
}

/// Counts the checks of a sweep and keeps the first failures.
public struct Sweep: CustomStringConvertible {
  /// How many checks were made.
  public private(set) var checks = 0
  private var failures = 0
  private var messages: [String] = []

  /// A sweep without checks.
  public init() {}

  /// One check; the message is only made where it fails.
  @inline(__always) public mutating func check(_ passed: Bool, _ message: @autoclosure () -> String) {
    checks += 1
    if !passed { fail(message()) }
  }

  private mutating func fail(_ message: String) {
    failures += 1
    if messages.count < 5 { messages.append(message) }
  }

  /// Whether no check failed and at least as many were made as the test was meant to make.
  public func passed(atLeast minimum: Int = 1) -> Bool { failures == 0 && checks >= minimum }

  /// What failed.
  public var description: String {
    "\(failures) of \(checks) checks failed" + messages.map { "\n  " + $0 }.joined()
  }
}

/// A binary64 number in decimal and bits.
public func shown(_ x: Double) -> String { "\(x) (0x\(String(x.bitPattern, radix: 16)))" }
