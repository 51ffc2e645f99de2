// The buffers of a block of positions: errors of angles and of stored cos and sin, for several sets of rounded stages at once.

import RoundingKernels

/// Errors at 256 consecutive positions of one pair, aligned at a multiple of 256.
///
/// Every buffer is (256) in vectors of four. Positions outside ``valid`` hold numbers without meaning.
public final class TableErrorBlock {
  /// Positions of a block.
  public static let span = 256
  /// Vectors of a buffer.
  public static let vectors = span / 4

  /// The position of the first lane.
  public internal(set) var start = 0
  /// The lanes that were asked for.
  public internal(set) var valid = 0..<0
  /// The rotary pair.
  public internal(set) var pair = 0
  /// The stages that round anything at these positions of this pair.
  var active: TableStages = []
  /// Entries that the fast evaluation could not decide and the plain tier computed.
  public internal(set) var fallbacks = 0
  /// Whether lanes may hold NaN, where the stored value is not finite.
  public internal(set) var mayHoldNonFinite = false
  var tableRepeatsTrig = false
  // For each canonical set, and for each of its angle's sets, one of the sets that were asked for.
  private var representatives = [TableStages](repeating: [], count: 32)
  private var angleRepresentatives = [TableStages](repeating: [], count: 8)

  private let storage: UnsafeMutablePointer<Lanes>
  /// (span): what a kernel did not decide.
  let flags: UnsafeMutablePointer<UInt8>

  enum Buffer: Int {
    case angle, angleLow, cosine, cosineLow, sine, sineLow, scaledCosine, scaledCosineLow, scaledSine,
      scaledSineLow, position, displacement, storedCosine, storedSine, count
  }

  /// Empty buffers.
  public init() {
    let buffers = Buffer.count.rawValue + 3 * 8 + 2 * 32
    storage = .allocate(capacity: buffers * Self.vectors)
    storage.initialize(repeating: Lanes(repeating: .nan), count: buffers * Self.vectors)
    flags = .allocate(capacity: Self.span)
    flags.initialize(repeating: 0, count: Self.span)
  }

  deinit {
    storage.deallocate()
    flags.deallocate()
  }

  subscript(_ buffer: Buffer) -> UnsafeMutablePointer<Lanes> { at(buffer.rawValue) }

  /// A number and its low part, for a kernel.
  func sums(_ high: Buffer, _ low: Buffer) -> ropedrift_lane_sums {
    Self.sums(self[high], self[low])
  }

  static func sums(
    _ high: UnsafeMutablePointer<Lanes>, _ low: UnsafeMutablePointer<Lanes>
  ) -> ropedrift_lane_sums {
    ropedrift_lane_sums(high: numbers(high), low: numbers(low))
  }

  static func numbers(_ buffer: UnsafeMutablePointer<Lanes>) -> UnsafeMutablePointer<Double> {
    UnsafeMutableRawPointer(buffer).assumingMemoryBound(to: Double.self)
  }

  /// The lanes of ``valid`` that a kernel flagged.
  func flaggedLanes() -> [Int] { valid.filter { flags[$0] != 0 } }

  private func at(_ index: Int) -> UnsafeMutablePointer<Lanes> { storage + index * Self.vectors }

  func delta(_ key: TableStages) -> UnsafeMutablePointer<Lanes> {
    at(Buffer.count.rawValue + Int(key.rawValue))
  }
  func deltaLow(_ key: TableStages) -> UnsafeMutablePointer<Lanes> {
    at(Buffer.count.rawValue + 8 + Int(key.rawValue))
  }
  func stored(_ key: TableStages) -> UnsafeMutablePointer<Lanes> {
    at(Buffer.count.rawValue + 16 + Int(key.rawValue))
  }
  func error(_ key: TableStages) -> (cosine: UnsafeMutablePointer<Lanes>, sine: UnsafeMutablePointer<Lanes>) {
    let index = Buffer.count.rawValue + 24 + 2 * Int(key.rawValue)
    return (at(index), at(index + 1))
  }

  /// The set of stages that gives the same values here as `stages`: without those that round nothing.
  func canonical(_ stages: TableStages) -> TableStages {
    var result = stages.intersection(active)
    if tableRepeatsTrig, result.contains(.trig) { result.remove(.table) }
    return result
  }

  /// Notes which of the sets asked for stands for each canonical one; returns a bit for each canonical set, by raw value.
  func note(_ subsets: [TableStages]) -> UInt32 {
    var needed: UInt32 = 0
    for subset in subsets {
      let key = canonical(subset)
      needed |= 1 << UInt32(key.rawValue)
      representatives[Int(key.rawValue)] = subset
      angleRepresentatives[Int(key.intersection(.ofAngle).rawValue)] = subset
    }
    return needed
  }

  /// A set that was asked for and gives what this canonical set gives here.
  func representative(_ key: TableStages) -> TableStages { representatives[Int(key.rawValue)] }

  /// A set that was asked for and gives the angles that this canonical set gives here.
  func angleRepresentative(_ key: TableStages) -> TableStages { angleRepresentatives[Int(key.rawValue)] }

  /// Δangle with only these stages rounded; nil where it is zero at every position.
  public func angleErrors(_ stages: TableStages) -> UnsafePointer<SIMD4<Double>>? {
    let key = canonical(stages).intersection(.ofAngle)
    return key.isEmpty ? nil : UnsafePointer(delta(key))
  }

  /// Errors of the stored cos and sin with only these stages rounded; nil where they are zero at every position.
  public func tableErrors(
    _ stages: TableStages
  ) -> (cosine: UnsafePointer<SIMD4<Double>>, sine: UnsafePointer<SIMD4<Double>>)? {
    let key = canonical(stages)
    guard !key.isEmpty else { return nil }
    let (cosine, sine) = error(key)
    return (UnsafePointer(cosine), UnsafePointer(sine))
  }

  /// The stored angles with all stages rounded; nil where the angle is not stored in a format.
  public var storedAngles: UnsafePointer<SIMD4<Double>>? {
    active.contains(.angle) ? UnsafePointer(stored(active.intersection(.ofAngle))) : nil
  }

  /// The rounded positions; nil where no position of the block changes.
  public var roundedPositions: UnsafePointer<SIMD4<Double>>? {
    active.contains(.position) ? UnsafePointer(self[.position]) : nil
  }

  /// The stored cos and sin with all stages rounded; nil where neither trig nor table rounds.
  public var storedTable: (cosine: UnsafePointer<SIMD4<Double>>, sine: UnsafePointer<SIMD4<Double>>)? {
    active.intersection([.trig, .table]).isEmpty
      ? nil : (UnsafePointer(self[.storedCosine]), UnsafePointer(self[.storedSine]))
  }

  /// Lane `index` of a buffer.
  @inline(__always) static func lane(_ buffer: UnsafeMutablePointer<Lanes>, _ index: Int) -> Double {
    buffer[index >> 2][index & 3]
  }
}
