// The values of one key head as the reference takes them: exact reals, with what is not finite set apart.

import RotaryAttention

/// v of one key head, (tokens, d).
public struct ReferenceValues: Sendable {
  /// Number of tokens.
  public let count: Int
  /// Channels of a value: d.
  public let channels: Int
  /// (tokens, d): v·2^−exponent, and 0 in the place of what is not finite.
  let scaled: [Double]
  /// Not 0 only where sums of the values might overflow.
  let exponent: Int
  /// The greatest magnitude of `scaled`.
  let largest: Double
  /// NaNs and infinities, by channel, tokens ascending.
  let special: [Int: [(token: Int, value: Double)]]

  /// The values of some tokens.
  ///
  /// - Parameters:
  ///   - values: (tokens, d) row-major, as stored.
  ///   - channels: d.
  public init(_ values: [Double], channels: Int) {
    precondition(channels > 0 && values.count.isMultiple(of: channels))
    count = values.count / channels
    self.channels = channels
    var special: [Int: [(token: Int, value: Double)]] = [:]
    var largest = 0.0
    for (index, value) in values.enumerated() {
      if value.isFinite {
        largest = max(largest, value.magnitude)
      } else {
        special[index % channels, default: []].append((index / channels, value))
      }
    }
    self.special = special
    // A sum of fewer than 2^100 terms below 2^900 stays in range.
    let exponent = largest >= 0x1p900 ? 200 : 0
    self.exponent = exponent
    self.largest = exponent == 0 ? largest : largest * 0x1p-200
    if exponent == 0 && special.isEmpty {
      scaled = values
    } else {
      scaled = values.map { $0.isFinite ? Double(sign: .plus, exponent: -exponent, significand: $0) : 0 }
    }
  }

  /// What NaNs and infinities among some tokens make of a channel's sum with weights above zero; nil without any.
  func specialSum(_ runs: [KeyRun], channel: Int) -> Double? {
    guard let list = special[channel] else { return nil }
    let found = list.filter { entry in runs.contains { $0.keys.contains(entry.token) } }.map(\.value)
    // ∞ − ∞ and NaN are NaN, any number of equal infinities is that infinity.
    return found.first.map { found.dropFirst().reduce($0, +) }
  }
}
