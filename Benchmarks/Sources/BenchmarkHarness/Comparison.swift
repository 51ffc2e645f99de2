// The measurement itself. google/swift-benchmark runs one benchmark to its end before the next begins, so that a machine that slows
// down in between changes their ratio; here every round runs every contender, and ratios are taken within a round.

/// One of the things that are timed against each other.
public struct Contender {
  /// Its name in tables.
  public let name: String
  /// How much one run does, in the unit that the comparison is about (scores, elements, operations).
  public let work: Double
  /// Runs once; gives the seconds that count.
  public let run: () throws -> Double

  /// A contender that measures itself.
  public init(_ name: String, work: Double, run: @escaping () throws -> Double) {
    self.name = name
    self.work = work
    self.run = run
  }

  /// A contender whose processor time in this process counts.
  public static func timed(_ name: String, work: Double, _ body: @escaping () throws -> Void) -> Contender {
    Contender(name, work: work) { try Clock.time(body) }
  }
}

/// The samples of an interleaved run.
public struct Samples {
  /// One entry a contender, one sample a round: seconds a unit of work.
  private let secondsPerUnit: [String: [Double]]
  private let work: [String: Double]
  private let names: [String]

  /// Runs every contender once a round: forward in even rounds and backward in odd ones, so that a steady change of the machine's
  /// speed cancels. Runs before the first round are not counted.
  ///
  /// - Parameters:
  ///   - contenders: with names of their own.
  ///   - rounds: at least one.
  ///   - warmups: runs of all that are not counted.
  ///   - progress: called after each round with the number of rounds done.
  /// - Throws: ``HarnessError``, and what contenders throw.
  public init(
    _ contenders: [Contender], rounds: Int, warmups: Int = 1, progress: (Int) -> Void = { _ in }
  ) throws {
    guard rounds > 0, !contenders.isEmpty else { throw HarnessError.noSamples }
    var collected: [String: [Double]] = [:]
    var work: [String: Double] = [:]
    for contender in contenders {
      guard work.updateValue(contender.work, forKey: contender.name) == nil else {
        throw HarnessError.repeatedContender(contender.name)
      }
      collected[contender.name] = []
    }
    for round in -warmups..<rounds {
      for contender in round % 2 == 0 ? contenders : contenders.reversed() {
        let seconds = try contender.run()
        guard seconds > 0 else { throw HarnessError.noTime(contender: contender.name) }
        if round >= 0 { collected[contender.name]!.append(seconds / contender.work) }
      }
      if round >= 0 { progress(round + 1) }
    }
    secondsPerUnit = collected
    self.work = work
    names = contenders.map(\.name)
  }

  /// Seconds a unit of work.
  ///
  /// - Throws: ``HarnessError/unknownContender(_:known:)``.
  public func seconds(_ name: String) throws -> Spread { try Spread(samples(name)) }

  /// Seconds a run.
  ///
  /// - Throws: ``HarnessError/unknownContender(_:known:)``.
  public func secondsOfRun(_ name: String) throws -> Spread { try seconds(name).scaled(by: work[name]!) }

  /// Time of one contender over that of another, for the same work, round by round.
  ///
  /// - Throws: ``HarnessError/unknownContender(_:known:)``.
  public func timeRatio(_ name: String, to yardstick: String) throws -> Spread {
    try Spread(zip(samples(name), samples(yardstick)).map { $0 / $1 })
  }

  /// Work in a second of one contender over that of another, round by round.
  ///
  /// - Throws: ``HarnessError/unknownContender(_:known:)``.
  public func rateRatio(_ name: String, to yardstick: String) throws -> Spread {
    try timeRatio(yardstick, to: name)
  }

  /// Units of work in a second.
  ///
  /// - Throws: ``HarnessError/unknownContender(_:known:)``.
  public func rate(_ name: String) throws -> Spread { try Spread(samples(name).map { 1 / $0 }) }

  private func samples(_ name: String) throws -> [Double] {
    guard let samples = secondsPerUnit[name] else { throw HarnessError.unknownContender(name, known: names) }
    return samples
  }
}
