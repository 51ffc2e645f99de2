// What can be wrong with the statement of a problem, before any arithmetic.

/// A statement of the attention problem that cannot be meant.
public enum ProblemError: Error, Equatable, CustomStringConvertible {
  /// The rotary size does not fit the head.
  case rotarySize(Int, headSize: Int, reason: String)
  /// The base is not a finite number above zero.
  case base(String)
  /// The scale is not a finite number above zero.
  case scale(String)
  /// Head counts that do not divide.
  case headCounts(heads: Int, keyValueHeads: Int)
  /// More queries than keys: queries are the last tokens of the keys.
  case moreQueriesThanKeys(queries: Int, keys: Int)
  /// A scaling that cannot be meant; the sentence says what and how to mend it.
  case scaling(String)
  /// A softcap that cannot be meant, or that a recipe does not know; the sentence says what and how to mend it.
  case softcap(String)
  /// A position outside −2^53 … 2^53.
  case positionOutOfRange(first: Int, last: Int, shift: Int)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .rotarySize(let size, let headSize, let reason):
      "rotary size \(size) with head size \(headSize): it \(reason); set it with --rotary-size or in the file's rope.rotary_size"
    case .base(let text):
      "base '\(text)' is not a finite number above zero; set it with --base or in the file's rope.base"
    case .scale(let text):
      "scale '\(text)' is not a finite number above zero; leave --scale out for 1/sqrt(head size)"
    case .headCounts(let heads, let keyValueHeads):
      "\(heads) query heads do not divide among \(keyValueHeads) key heads; each key head serves heads/kv_heads query heads"
    case .moreQueriesThanKeys(let queries, let keys):
      "\(queries) queries but only \(keys) keys: queries are taken as the last tokens of the keys, so there can be no more of them"
    case .scaling(let reason), .softcap(let reason): reason
    case .positionOutOfRange(let first, let last, let shift):
      "shift \(shift) puts positions at \(first) … \(last), outside ±2^53 = ±9007199254740992 where positions are exact integers; choose a smaller shift"
    }
  }
}
