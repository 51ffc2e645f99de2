// Seeded lengths of documents: what a packed window of a training mixture looks like where no list of real lengths is at hand.

import ArbitraryPrecision
import FloatingPointFormats
import RotaryAttention

/// Draws document lengths until a window is full; the last document is cut where the window ends.
///
/// `log-normal`: length = max(1, ⌊median·exp(sigma·z)⌉), z of mean 0 and variance 1 (the sum of twelve uniform variates less 6, within
/// ±6). `up-sampled`: lengths are drawn from the same law, and one of at least `long` tokens is kept always, a shorter one with probability
/// 1/`times`: among documents long ones are `times` as frequent, as mixtures for long contexts up-sample them [Fu2024].
///
/// Every draw is a function of the seed and its number, and exp is correctly rounded: the same lengths on every machine.
public struct DocumentGenerator: Sendable, Hashable {
  /// A law of lengths.
  public enum Law: String, Sendable, Hashable, CaseIterable {
    /// Log-normal lengths.
    case logNormal = "log-normal"
    /// Log-normal lengths with long documents up-sampled.
    case upSampled = "up-sampled"
  }

  /// The law.
  public let law: Law
  /// Median of the log-normal lengths, in tokens.
  public let median: Double
  /// Standard deviation of the logarithm.
  public let sigma: Double
  /// Tokens from which on a document is long.
  public let long: Int
  /// How much more frequent long documents are made.
  public let times: Double
  /// Seed.
  public let seed: UInt64

  /// Reads `log-normal:median=512,sigma=1.2,seed=1` or `up-sampled:median=512,sigma=1.2,long=4096,times=5,seed=1`; what is left out has
  /// these values.
  ///
  /// - Throws: ``PatternError/documents(reason:)``.
  public init(spelling: String) throws {
    let parts = spelling.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    let names = Law.allCases.map(\.rawValue)
    guard let law = Law(rawValue: parts[0]) else {
      throw PatternError.documents(
        reason:
          "unknown generator of documents '\(parts[0])'\(didYouMean(nearestName(to: parts[0], among: names)))"
          + "; known are " + names.joined(separator: ", "))
    }
    let keys = ["median", "sigma"] + (law == .upSampled ? ["long", "times"] : []) + ["seed"]
    var values: [String: String] = [:]
    for item in parts.count > 1 ? parts[1].split(separator: ",", omittingEmptySubsequences: false) : [] {
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard pair.count == 2, keys.contains(pair[0]), values.updateValue(pair[1], forKey: pair[0]) == nil
      else {
        throw PatternError.documents(
          reason: "\(law.rawValue): '\(item)' is no key=value, or stands twice; its keys are "
            + keys.joined(separator: ", "))
      }
    }
    func number(_ key: String, _ fallback: Double, _ allowed: ClosedRange<Double>) throws -> Double {
      guard let text = values[key] else { return fallback }
      guard let value = Double(text), allowed.contains(value) else {
        throw PatternError.documents(
          reason:
            "\(law.rawValue): \(key)=\(text) is not a number from \(allowed.lowerBound) to \(allowed.upperBound)"
        )
      }
      return value
    }
    self.law = law
    median = try number("median", 512, 1...0x1p40)
    sigma = try number("sigma", 1.2, 0...10)
    long = Int(try number("long", 4096, 1...0x1p40))
    times = try number("times", 5, 1...1000)
    guard let seed = UInt64(values["seed"] ?? "1") else {
      throw PatternError.documents(
        reason: "\(law.rawValue): seed=\(values["seed"]!) is no whole number below 2^64")
    }
    self.seed = seed
  }

  /// With every key.
  public var spelling: String {
    let more = law == .upSampled ? ",long=\(long),times=\(times)" : ""
    return "\(law.rawValue):median=\(median),sigma=\(sigma)\(more),seed=\(seed)"
  }

  /// The words of a draw.
  private func words(_ draw: UInt64, _ call: UInt32) -> SIMD4<UInt32> {
    Philox.words(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: draw), UInt32(truncatingIfNeeded: draw >> 32), call, 0x646F_6373),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// The length of a draw, and whether it is kept.
  private func length(_ draw: UInt64) -> (length: Int, isKept: Bool) {
    var sum: Int64 = 0
    for call in UInt32(0)..<3 {
      let words = words(draw, call)
      sum += Int64(words[0]) + Int64(words[1]) + Int64(words[2]) + Int64(words[3])
    }
    // Each word stands for (w + 1/2)/2^32.
    let z = Double(sum + 6 - 6 << 32) * 0x1p-32
    let exact = median * CorrectlyRoundedExponential.shared(sigma * z)
    let length = Int(max(1, min(exact, 0x1p52)).rounded())
    guard law == .upSampled, length < long else { return (length, true) }
    // Kept where a uniform variate is below 1/times.
    return (length, Double(words(draw, 3)[0]) * 0x1p-32 * times < 1)
  }

  /// Documents that fill a window.
  ///
  /// - Parameters:
  ///   - tokens: of the window, tags included; at least 1.
  ///   - tagTokens: what every document gets beside its length.
  /// - Throws: ``PatternError/documents(reason:)`` where not even one document with its tag fits.
  public func documents(tokens: Int, tagTokens: Int = 0) throws -> DocumentDescription {
    guard tagTokens >= 0, tokens > tagTokens else {
      throw PatternError.documents(
        reason: "a window of \(tokens) tokens has no room for a document with a tag of \(tagTokens) tokens")
    }
    var lengths: [Int] = []
    var left = tokens
    var draw: UInt64 = 0
    while left > 0 {
      let (length, isKept) = length(draw)
      draw += 1
      guard isKept else { continue }
      let taken = min(length, left - tagTokens)
      // No room for a tag and a token: the last document is that much longer.
      guard taken > 0 else {
        lengths[lengths.count - 1] += left
        break
      }
      lengths.append(taken)
      left -= taken + tagTokens
    }
    return DocumentDescription(lengths: lengths)
  }
}
