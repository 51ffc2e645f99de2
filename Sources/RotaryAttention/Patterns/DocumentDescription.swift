// Documents as a user states them: lengths or intervals, with domains.

import StrictJSON

/// A list of documents before it is laid out over a window.
public struct DocumentDescription: Sendable, Hashable {
  /// One document.
  public struct Entry: Sendable, Hashable {
    /// Tokens without tags.
    public var length: Int
    /// Its first token, where intervals were given.
    public var start: Int?
    /// Where its text comes from.
    public var domain: String?

    /// A document.
    public init(length: Int, start: Int? = nil, domain: String? = nil) {
      self.length = length
      self.start = start
      self.domain = domain
    }
  }

  /// The documents in order.
  public let entries: [Entry]

  /// Documents in order.
  public init(_ entries: [Entry]) { self.entries = entries }

  /// Documents of these lengths.
  public init(lengths: [Int]) { entries = lengths.map { Entry(length: $0) } }

  /// Reads `100,28,384`.
  ///
  /// - Throws: ``PatternError/documents(reason:)``.
  public init(list: String) throws {
    entries = try list.split(separator: ",", omittingEmptySubsequences: false).enumerated().map {
      index, item in
      guard let length = Int(item) else {
        throw PatternError.documents(
          reason: item.isDecimalInteger
            ? "document \(index): \(item) tokens are out of range; no window has more than \(Int.max)"
            : "document \(index): '\(item)' is no number of tokens")
      }
      return Entry(length: length)
    }
  }

  /// Reads a JSON array, or JSON Lines, of documents. Each is a length (`812`), an interval of tokens from the first to before the last
  /// (`[0, 812]`), or an object with `length` or `start` and `end`, and if one likes `domain`.
  ///
  /// - Throws: ``PatternError/documents(reason:)`` with the index of what cannot be meant.
  public init(json bytes: [UInt8]) throws {
    var values: [StrictJSON] = []
    do {
      let whole = try bytes.withUnsafeBytes { try StrictJSON(parsing: $0) }
      if case .array(let elements) = whole { values = elements } else { values = [whole] }
    } catch {
      // Several values, one a line: JSON Lines. A file that is neither is answered with the line that is no value.
      values = try bytes.split(separator: UInt8(ascii: "\n")).enumerated().compactMap { number, line in
        guard line.contains(where: { $0 > 0x20 }) else { return nil }
        do {
          return try Array(line).withUnsafeBytes { try StrictJSON(parsing: $0) }
        } catch let fault as StrictJSON.Fault {
          throw PatternError.documents(
            reason: "line \(number + 1) of the documents is no JSON value (\(Self.text(fault)))")
        }
      }
    }
    entries = try values.enumerated().map { try Self.entry($1, index: $0) }
  }

  private static func text(_ fault: StrictJSON.Fault) -> String {
    switch fault {
    case .syntax(let expected, let offset): "expected \(expected) at byte \(offset)"
    case .duplicateKey(let key): "key '\(key)' stands twice"
    }
  }

  private static func integer(_ value: StrictJSON, _ index: Int, _ what: String) throws -> Int {
    guard case .number(let text) = value, let number = Int(text) else {
      if case .number(let text) = value, text.isDecimalInteger {
        throw PatternError.documents(
          reason:
            "document \(index): \(what) is \(value.kindName), which is out of range; no window has more than "
            + "\(Int.max) tokens")
      }
      throw PatternError.documents(
        reason: "document \(index): \(what) is \(value.kindName), expected an integer")
    }
    return number
  }

  private static func interval(_ start: Int, _ end: Int, _ domain: String?, index: Int) throws -> Entry {
    let (length, overflow) = end.subtractingReportingOverflow(start)
    guard !overflow, start >= 0 else {
      throw PatternError.documents(
        reason: "document \(index): tokens \(start) to \(end) cannot be an interval of a window")
    }
    return Entry(length: length, start: start, domain: domain)
  }

  private static func entry(_ value: StrictJSON, index: Int) throws -> Entry {
    switch value {
    case .number: return Entry(length: try integer(value, index, "the length"))
    case .array(let bounds):
      guard bounds.count == 2 else {
        throw PatternError.documents(
          reason:
            "document \(index): an array of \(bounds.count), expected [first token, token after the last]")
      }
      return try interval(
        integer(bounds[0], index, "the first token"), integer(bounds[1], index, "the token after the last"),
        nil,
        index: index)
    case .object(let members): return try entry(members, index: index)
    default:
      throw PatternError.documents(
        reason: "document \(index) is \(value.kindName), expected a length, an interval or an object")
    }
  }

  private static func entry(_ members: [StrictJSON.Member], index: Int) throws -> Entry {
    var numbers: [String: Int] = [:]
    var domain: String?
    for member in members {
      switch (member.key, member.value) {
      case ("length", _), ("start", _), ("end", _):
        numbers[member.key] = try integer(member.value, index, member.key)
      case ("domain", .string(let text)): domain = text
      case ("domain", let other):
        throw PatternError.documents(
          reason: "document \(index): domain is \(other.kindName), expected a string")
      default:
        throw PatternError.documents(
          reason: "document \(index) has a key '\(member.key)'; known are length, start, end, domain")
      }
    }
    switch (numbers["length"], numbers["start"], numbers["end"]) {
    case (let length?, nil, nil): return Entry(length: length, domain: domain)
    case (nil, let start?, let end?): return try interval(start, end, domain, index: index)
    default:
      throw PatternError.documents(reason: "document \(index) needs either length, or start and end")
    }
  }

  /// Lengths with tags, after all checks.
  func lengths(tokens: Int, tagTokens: Int) throws -> [(length: Int, domain: String?)] {
    guard !entries.isEmpty else {
      throw PatternError.documents(reason: "there are no documents; name at least one")
    }
    let haveStarts = entries.count { $0.start != nil }
    guard haveStarts == 0 || haveStarts == entries.count else {
      throw PatternError.documents(
        reason: "some documents are intervals and some are lengths; state all in one way")
    }
    guard haveStarts == 0 || tagTokens == 0 else {
      throw PatternError.documents(
        reason: "tags move every document, which intervals do not allow; state lengths")
    }
    var end = 0
    for (index, entry) in entries.enumerated() {
      guard entry.length > 0 else { throw PatternError.emptyDocument(index: index, length: entry.length) }
      if let start = entry.start {
        guard start >= end else {
          throw PatternError.overlappingDocuments(index: index, start: start, previousEnd: end)
        }
        guard start == end else {
          throw index == 0
            ? PatternError.anchorWithoutFirstToken(start: start)
            : PatternError.uncoveredTokens(first: end, end: start)
        }
      }
      // Both are checked not to leave the integers: a sum beyond them adds up to no window.
      let (length, first) = entry.length.addingReportingOverflow(tagTokens)
      let (sum, second) = end.addingReportingOverflow(length)
      guard !first, !second else {
        throw PatternError.documents(
          reason: "document \(index) of \(entry.length) tokens is beyond any window")
      }
      end = sum
    }
    guard end == tokens else {
      throw PatternError.lengthsDoNotAddUp(
        sum: end, documents: entries.count, tags: tagTokens, tokens: tokens)
    }
    return entries.map { ($0.length + tagTokens, $0.domain) }
  }
}
