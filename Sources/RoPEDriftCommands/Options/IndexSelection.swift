// Lists and ranges of layers and heads: `0,2,5-8`.

import ArgumentParser
import RoPEDrift

/// Indices as typed: numbers and ranges, separated by commas.
public struct IndexSelection: Sendable, Hashable, CustomStringConvertible {
  private let ranges: [ClosedRange<Int>]

  /// Reads a list such as `0,2,5-8`.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  public init(_ typed: String) throws {
    ranges = try typed.split(separator: ",", omittingEmptySubsequences: false).map { item in
      let ends = item.split(separator: "-", omittingEmptySubsequences: false).map { end in
        end.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(end) : nil
      }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last,
        last < 1 << 31
      else {
        throw CommandFailure(
          .wrongUsage, "'\(item)' is neither an index nor an ascending range; write lists such as 0,2,5-8")
      }
      return first...last
    }
  }

  /// The list in the form in which it is typed.
  public var description: String {
    ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
      separator: ",")
  }

  /// The selected indices, ascending, each once.
  ///
  /// - Parameters:
  ///   - available: the indices that there are, ascending.
  ///   - what: what they count, for the message: `layer`, `head`.
  ///   - owner: what has them, for the message: the input's spelling.
  /// - Throws: ``CommandFailure`` (wrong usage) where one is not there.
  public func resolve(
    among available: some RandomAccessCollection<Int>, what: String, owner: String
  ) throws -> [Int] {
    var chosen: Set<Int> = []
    for range in ranges {
      // A range that is longer than the list has a gap in its first available.count + 1 indices.
      for index in range.prefix(available.count + 1) {
        guard Self.isAmong(available, index) else {
          throw Self.missing(index, among: Array(available), what: what, owner: owner)
        }
        chosen.insert(index)
      }
    }
    return chosen.sorted()
  }

  /// Whether an ascending list has an index; by halving, since there may be millions of keys.
  private static func isAmong(_ available: some RandomAccessCollection<Int>, _ index: Int) -> Bool {
    var (low, high) = (0, available.count)
    while low < high {
      let middle = (low + high) / 2
      if available[available.index(available.startIndex, offsetBy: middle)] < index {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low < available.count && available[available.index(available.startIndex, offsetBy: low)] == index
  }

  /// The failure for one index that is not there.
  public static func missing(_ index: Int, among available: [Int], what: String, owner: String)
    -> CommandFailure
  {
    CommandFailure(.wrongUsage, "\(owner) has no \(what) \(index); it has \(inWords(available))")
  }

  /// "0-3, 7".
  static func inWords(_ indices: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for index in indices {
      if let last = runs.last, last.upperBound + 1 == index {
        runs[runs.count - 1] = last.lowerBound...index
      } else {
        runs.append(index...index)
      }
    }
    return runs.isEmpty
      ? "none"
      : runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        .joined(separator: ", ")
  }
}

/// `--layers` and `--heads`.
public struct SelectionOptions: ParsableArguments {
  /// The layers; all if nil.
  @Option(
    help: ArgumentHelp("Layers, as 0,2,5-8; all if left out.", valueName: "list"),
    transform: IndexSelection.init)
  public var layers: IndexSelection?
  /// The query heads; all if nil.
  @Option(
    help: ArgumentHelp("Query heads, as 0,2,5-8; all if left out.", valueName: "list"),
    transform: IndexSelection.init)
  public var heads: IndexSelection?

  /// For the parser.
  public init() {}

  /// The selected layers of an input, ascending.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  public func resolveLayers(of input: AttentionInput) throws -> [AttentionLayer] {
    guard let layers else { return input.layerShapes }
    let chosen = try layers.resolve(among: input.layers, what: "layer", owner: input.spelling)
    return input.layerShapes.filter { chosen.contains($0.index) }
  }

  /// The selected query heads of a layer, ascending.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  public func resolveHeads(of layer: AttentionLayer, in input: AttentionInput) throws -> [Int] {
    let available = Array(0..<layer.queryHeads)
    return try heads?.resolve(
      among: available, what: "head", owner: "layer \(layer.index) of \(input.spelling)")
      ?? available
  }
}
