// What one row of the table says, as data: written as JSON, read back, put into words by TableText.

/// What a figure has to reach.
public struct Target: Codable, Equatable, Sendable {
  /// The number.
  public let bound: Double
  /// Whether the figure has to be at most the bound; else at least.
  public let isUpper: Bool

  /// At most a number.
  public static func atMost(_ bound: Double) -> Target { Target(bound: bound, isUpper: true) }

  /// At least a number.
  public static func atLeast(_ bound: Double) -> Target { Target(bound: bound, isUpper: false) }

  /// Whether a figure reaches the target.
  public func isMet(by value: Double) -> Bool { isUpper ? value <= bound : value >= bound }
}

/// One of the two sides of a ratio: what one unit of its work took.
public struct TimedSide: Codable, Equatable, Sendable {
  /// What ran.
  public let name: String
  /// Units of work in one run.
  public let work: Double
  /// What the unit is, in the singular.
  public let unit: String
  /// Seconds of a run.
  public let seconds: Spread

  /// A side of a measurement.
  ///
  /// - Throws: ``HarnessError/unknownContender(_:known:)``.
  public init(_ contender: Contender, unit: String, in samples: Samples) throws {
    self.init(
      name: contender.name, work: contender.work, unit: unit,
      seconds: try samples.secondsOfRun(contender.name))
  }

  /// A side that was measured elsewhere.
  public init(name: String, work: Double, unit: String, seconds: Spread) {
    self.name = name
    self.work = work
    self.unit = unit
    self.seconds = seconds
  }
}

/// One row.
public struct MeasuredRow: Codable, Equatable, Sendable {
  /// A name without spaces that stays the same between runs: file names and later runs refer to it.
  public let identifier: String
  /// What was measured.
  public let title: String
  /// What the figure is, after the number: "× the time of dgemm".
  public let quantity: String
  /// The figure.
  public let value: Spread
  /// What it has to reach; nil where nothing was asked.
  public let target: Target?
  /// What was timed, the yardstick after it where there is one.
  public let sides: [TimedSide]
  /// Further facts, each a sentence.
  public let notes: [String]

  /// A row.
  public init(
    _ identifier: String, _ title: String, quantity: String, value: Spread, target: Target? = nil,
    sides: [TimedSide] = [], notes: [String] = []
  ) {
    self.identifier = identifier
    self.title = title
    self.quantity = quantity
    self.value = value
    self.target = target
    self.sides = sides
    self.notes = notes
  }

  /// Whether the median reaches the target; nil without one.
  public var isMet: Bool? { target?.isMet(by: value.median) }
}
