// What steps hand to one another and claims are judged by: exact numbers, with the format that stores them where one does.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats

/// One number of a case.
public struct CaseNumber: Sendable {
  /// The number: stored, or an exact real.
  public let value: StageValue
  /// The format that stores it; nil where none does.
  public let format: FloatingPointFormat?

  /// A number, and the format that stores it.
  public init(_ value: StageValue, format: FloatingPointFormat? = nil) {
    self.value = value
    self.format = format
  }

  init(_ value: Int) { self.init(.real(ExactReal(Rational(value)))) }

  init(_ value: ExactReal) { self.init(.real(value)) }

  init(_ literal: NumberLiteral) {
    switch literal.meaning {
    case .nan: self.init(.number(.nan))
    case .infinity(let isNegative): self.init(.number(isNegative ? -.infinity : .infinity))
    case .rational(let isNegative, let numerator, _):
      self.init(
        isNegative && numerator.isZero ? .number(-0.0) : .real(ExactReal(Rational(literal)!)))
    }
  }

  /// The bits in ``format``; nil without one.
  public var bits: String? {
    guard let format, case .number(let number) = value else { return nil }
    return format.hexadecimal(format.round(ExactValue(number)).encoding)
  }

  /// The number where it is an integer below 2^53 in magnitude.
  public var integer: Int? {
    guard let rational = value.exactReal?.rational, rational.isInteger else { return nil }
    let floor = rational.floor
    return floor.magnitude < 1 << 53 ? floor : nil
  }
}

/// A number or a list of numbers.
public struct CaseValue: Sendable {
  /// The numbers, one where it is no list.
  public let numbers: [CaseNumber]
  /// Whether it is a list.
  public let isList: Bool

  /// One number.
  init(_ number: CaseNumber) { (numbers, isList) = ([number], false) }

  /// A list.
  init(list numbers: [CaseNumber]) { (self.numbers, isList) = (numbers, true) }
}

/// What a step reads: a number as written, or the name of something in the set-up or of an earlier step's value.
enum CaseOperand: Sendable {
  case literal(CaseValue)
  case reference(String)
}

/// The names that a step may use, and the set-up they stand in; filled while a file is read.
struct CaseNames {
  let setup: CaseSetup
  var values: Set<String>

  /// Reads an operand: a known name, else one number (`inf` and `nan` too) or an array of numbers.
  ///
  /// - Throws: ``CaseError``.
  func operand(_ object: CaseObject, _ key: String) throws -> CaseOperand {
    let (texts, isList) = try object.texts(key)
    if !isList, let first = texts[0].unicodeScalars.first, first.properties.isAlphabetic,
      values.contains(texts[0]) || (try? NumberLiteral(texts[0])) == nil
    {
      return .reference(try reference(object, key))
    }
    let numbers = try object.literals(key).literals.map(CaseNumber.init)
    return .literal(isList ? CaseValue(list: numbers) : CaseValue(numbers[0]))
  }

  /// Reads the name of a value.
  ///
  /// - Throws: ``CaseError``.
  func reference(_ object: CaseObject, _ key: String) throws -> String {
    let name = try object.string(key)
    guard values.contains(name) else {
      let known = values.sorted()
      throw object.invalid(
        key, "'\(name)'",
        expected: "the name of a number in the set-up or of an earlier step's value"
          + didYouMean(nearestName(to: name, among: known)) + "; known are " + known.joined(separator: ", "))
    }
    return name
  }

  /// Reads the name of a table of the set-up.
  ///
  /// - Throws: ``CaseError``.
  func table(_ object: CaseObject) throws -> CaseTable {
    try lookUp(object, "table", setup.tables)
  }

  /// Reads the name of an embedding of the set-up.
  ///
  /// - Throws: ``CaseError``.
  func embedding(_ object: CaseObject) throws -> CaseEmbedding {
    try lookUp(object, "embedding", setup.embeddings)
  }

  private func lookUp<Element>(
    _ object: CaseObject, _ key: String, _ known: [(name: String, value: Element)]
  ) throws -> Element {
    let name = try object.string(key)
    guard let found = known.first(where: { $0.name == name }) else {
      throw object.invalid(
        key, "'\(name)'",
        expected: "one of the set-up's \(key)s" + didYouMean(nearestName(to: name, among: known.map(\.name))))
    }
    return found.value
  }
}

/// Values computed so far, by name.
struct CaseScope {
  var values: [String: CaseValue]
  /// For experiments.
  var threads: Int

  func value(_ operand: CaseOperand) -> CaseValue {
    switch operand {
    case .literal(let value): value
    // Reading the file has checked every name.
    case .reference(let name): values[name]!
    }
  }
}
