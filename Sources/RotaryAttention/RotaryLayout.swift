// Which two channels of a head make a rotary pair.

/// How the r rotary channels of a head are paired.
public enum RotaryLayout: String, Sendable, Hashable, CaseIterable, Codable {
  /// Pair i is channels i and i + r/2 (GPT-NeoX, Hugging Face transformers).
  case halfSplit = "half-split"
  /// Pair i is channels 2i and 2i + 1 (Meta's Llama, GPT-J).
  case interleaved = "interleaved"

  /// The channels (a, b) of a pair; 0 ≤ pair < rotarySize/2.
  @inlinable public func channels(ofPair pair: Int, rotarySize: Int) -> (first: Int, second: Int) {
    switch self {
    case .halfSplit: (pair, pair + rotarySize / 2)
    case .interleaved: (2 * pair, 2 * pair + 1)
    }
  }
}
