// Growth with the number of tokens, as data.

/// How something grows with the number of tokens.
public struct GrowthRecord: Codable, Equatable, Sendable {
  /// One size.
  public struct Point: Codable, Equatable, Sendable {
    /// T.
    public let tokens: Int
    /// Wall time of the child process.
    public let seconds: Double
    /// Its processor time.
    public let processorSeconds: Double
    /// Its peak resident memory.
    public let peakBytes: Double

    /// A point.
    public init(tokens: Int, seconds: Double, processorSeconds: Double, peakBytes: Double) {
      self.tokens = tokens
      self.seconds = seconds
      self.processorSeconds = processorSeconds
      self.peakBytes = peakBytes
    }
  }

  /// What was run at each size.
  public let title: String
  /// The command, with T for the number of tokens.
  public let command: String
  /// Ascending by size; the median run where one was repeated.
  public let points: [Point]
  /// Sizes that the time budget left out.
  public let leftOut: [Int]
  /// Processor time by tokens, over the four greatest sizes.
  public let time: PowerLaw
  /// Peak memory by tokens, likewise.
  public let memory: PowerLaw
  /// Processor time as a sum of T and T², over the same sizes.
  public let timeModel: TwoPowers
  /// Peak memory as a constant and T, likewise.
  public let memoryModel: TwoPowers
  /// Sentences with what the models say of larger problems.
  public let projections: [String]

  /// Fits what was measured.
  ///
  /// - Parameter projections: made from the models of time and memory.
  /// - Throws: ``HarnessError/noPowerLaw(_:)``.
  public init(
    title: String, command: String, points: [Point], leftOut: [Int],
    projections: (_ time: TwoPowers, _ memory: TwoPowers) -> [String]
  ) throws {
    self.title = title
    self.command = command
    self.points = points
    self.leftOut = leftOut
    let times = points.suffix(4).map { (Double($0.tokens), $0.processorSeconds) }
    let peaks = points.suffix(4).map { (Double($0.tokens), $0.peakBytes) }
    time = try PowerLaw(times)
    memory = try PowerLaw(peaks)
    timeModel = try TwoPowers(times, 1, 2)
    memoryModel = try TwoPowers(peaks, 0, 1)
    self.projections = projections(timeModel, memoryModel)
  }
}
