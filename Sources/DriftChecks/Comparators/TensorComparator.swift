// The rules by which people compare tensors, as values: what is measured, and the limit that decides.

import ArbitraryPrecision
import FloatingPointFormats

/// A rule that compares a tensor t with a reference r, element by element or as a whole. e = t − r; ulp is that of the tensor's own
/// format at the **reference**: 2^(max(⌊log₂|r|⌋, emin) − p + 1).
///
/// Values that are not finite: an element is *unexpected* where exactly one side is finite or both are not finite and differ. A
/// tensor with unexpected elements passes no comparator, whatever its limit; NaN equals NaN, an infinity the same infinity.
public enum TensorComparator: Sendable, Hashable {
  /// Every encoding equals that of the reference rounded once, to nearest even, to the tensor's format. −0 is not +0.
  case bitExact
  /// At most so many encodings differ.
  case mismatches(Int)
  /// max |e|/ulp(r) ≤ limit. An r above the format's range has no ulp; a finite t there is counted as exceeding.
  case ulp(Double)
  /// |e| ≤ absolute + relative·|r| for every element, the rule of torch.testing.assert_close and numpy.allclose.
  case tolerance(absolute: Double, relative: Double)
  /// |e| ≤ factor·M + floor·ulp(r) for every element, M the greatest error of the recipe's own tensor against the same reference: the
  /// rule of flash-attention's tests, with a floor that the reference's last bit sets.
  case flashRule(factor: Double, floor: Double)
  /// Σe²/Σr² ≤ limit (ggml's rule).
  case normalizedMeanSquare(Double)
  /// Σtr/√(Σt²Σr²) ≥ limit.
  case cosine(Double)

  /// flash-attention's factor 2 over a floor of one unit in the last place.
  public static let defaultFlashRule = TensorComparator.flashRule(factor: 2, floor: 1)

  /// The name that a user types.
  public var name: String {
    switch self {
    case .bitExact: "bit-exact"
    case .mismatches: "mismatches"
    case .ulp: "ulp"
    case .tolerance: "allclose"
    case .flashRule: "flash"
    case .normalizedMeanSquare: "nmse"
    case .cosine: "cosine"
    }
  }

  /// What a user types: `ulp=2`, `allclose:atol=0.001,rtol=0.016`.
  public var spelling: String {
    switch self {
    case .bitExact: name
    case .mismatches(let limit): "\(name)=\(limit)"
    case .ulp(let limit), .normalizedMeanSquare(let limit), .cosine(let limit): "\(name)=\(limit)"
    case .tolerance(let absolute, let relative): "\(name):atol=\(absolute),rtol=\(relative)"
    case .flashRule(let factor, let floor): "\(name):factor=\(factor),floor=\(floor)"
    }
  }

  /// Every spelling with its meaning, for help texts.
  public static let spellings: [(spelling: String, meaning: String)] = [
    ("bit-exact", "equal encodings"), ("mismatches=N", "at most N encodings differ"),
    ("ulp=N", "at most N units in the last place, at the reference"),
    ("allclose:atol=A,rtol=R", "|error| ≤ A + R·|reference|"),
    ("flash:factor=C,floor=N", "|error| ≤ C·(the recipe's greatest error) + N ulp"),
    ("nmse=X", "Σerror²/Σreference² ≤ X"), ("cosine=X", "cosine ≥ X"),
  ]

  /// Reads a spelling. Limits are decimals, hexadecimals or fractions and stand for the binary64 number nearest to them, as measured
  /// figures are printed: a figure that is typed as it was printed passes.
  ///
  /// - Throws: ``ComparatorError``.
  public init(_ typed: String) throws {
    let separator = typed.firstIndex { $0 == ":" || $0 == "=" } ?? typed.endIndex
    let name = String(typed[..<separator])
    let rest = separator == typed.endIndex ? "" : String(typed[typed.index(after: separator)...])
    let known = Self.spellings.map { String($0.spelling.prefix { $0 != "=" && $0 != ":" }) }
    guard known.contains(name) else {
      throw ComparatorError.unknown(name, suggestion: nearestName(to: name, among: known))
    }
    let isPlain = separator != typed.endIndex && typed[separator] == "="
    var values: [String: NumberLiteral] = [:]
    func take(_ text: String, as key: String) throws {
      guard let literal = try? NumberLiteral(text), let value = Rational(literal), value.sign >= 0 else {
        throw ComparatorError.invalidLimit(typed, key: key, found: text)
      }
      guard values.updateValue(literal, forKey: key) == nil else {
        throw ComparatorError.invalidLimit(typed, key: key, found: "it twice")
      }
    }
    let keys: [String]
    switch name {
    case "allclose": keys = ["atol", "rtol"]
    case "flash": keys = ["factor", "floor"]
    case "bit-exact": keys = []
    default: keys = [name]
    }
    if isPlain {
      // flash=3 is flash:factor=3.
      guard let key = keys.first, name != "allclose" else { throw ComparatorError.malformed(typed) }
      try take(rest, as: key)
    } else if separator != typed.endIndex {
      for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
        let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard words.count == 2, keys.contains(String(words[0])), keys.count > 1 else {
          throw ComparatorError.malformed(typed)
        }
        try take(String(words[1]), as: String(words[0]))
      }
    }
    func limit(_ key: String) throws -> Double {
      guard let literal = values[key] else { throw ComparatorError.malformed(typed) }
      return FloatingPointFormat.fp64.rounded(Rational(literal)!.exactValue)
    }
    switch name {
    case "bit-exact": self = .bitExact
    case "mismatches":
      guard let literal = values[name], let value = Rational(literal), value < Rational(1 << 60),
        Rational(value.floor) == value
      else {
        throw ComparatorError.invalidLimit(typed, key: name, found: rest)
      }
      self = .mismatches(value.floor)
    case "ulp": self = .ulp(try limit(name))
    case "allclose": self = .tolerance(absolute: try limit("atol"), relative: try limit("rtol"))
    case "flash":
      self = .flashRule(
        factor: values["factor"] == nil ? 2 : try limit("factor"),
        floor: values["floor"] == nil ? 1 : try limit("floor"))
    case "nmse": self = .normalizedMeanSquare(try limit(name))
    default: self = .cosine(try limit(name))
    }
  }
}

/// What can be wrong with a comparator as it was typed.
public enum ComparatorError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No comparator of that name.
  case unknown(String, suggestion: String?)
  /// A key or a number that is missing or not understood.
  case malformed(String)
  /// A limit that is no finite number, is negative, or is given twice.
  case invalidLimit(String, key: String, found: String)
  /// The flash rule is about errors against the exact reference.
  case notForParity

  /// One sentence with the mend.
  public var description: String {
    let all = TensorComparator.spellings.map(\.spelling).joined(separator: ", ")
    return switch self {
    case .unknown(let name, let suggestion):
      "there is no comparator '\(name)'\(didYouMean(suggestion)); there are \(all)"
    case .malformed(let typed): "comparator '\(typed)' is not understood; write one of \(all)"
    case .invalidLimit(let typed, let key, let found):
      "comparator '\(typed)': expected one finite number of at least 0 as \(key), found \(found)"
    case .notForParity:
      "the flash rule compares errors against the exact reference, so it cannot decide parity; use bit-exact, mismatches or ulp there"
    }
  }
}
