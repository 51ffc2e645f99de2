// Which blocks of scores some queries need whose keys come in runs: runs that touch are computed together, gaps never.

import RotaryAttention

/// Neighbouring keys that some of the queries see, without a gap between them.
struct KeySpan {
  var keys: Range<Int>
  /// The queries that see some of them, and those between these.
  var queries: Range<Int>
  /// Where the block of (queries, keys) begins among the blocks of all spans.
  var start = 0

  /// The spans of some queries' keys, ascending; none is empty.
  static func covering(_ runs: [[KeyRun]]) -> [KeySpan] {
    var spans: [KeySpan] = []
    for (query, runs) in runs.enumerated() {
      for run in runs where !run.keys.isEmpty {
        var merged = KeySpan(keys: run.keys, queries: query..<query + 1)
        // Few spans at any time: the runs of neighbouring queries overlap.
        spans.removeAll { span in
          guard span.keys.lowerBound <= merged.keys.upperBound, merged.keys.lowerBound <= span.keys.upperBound
          else { return false }
          merged.keys =
            min(
              span.keys.lowerBound, merged.keys.lowerBound)..<max(
              span.keys.upperBound, merged.keys.upperBound)
          merged.queries =
            min(
              span.queries.lowerBound, merged.queries.lowerBound)..<max(
              span.queries.upperBound, merged.queries.upperBound)
          return true
        }
        spans.append(merged)
      }
    }
    spans.sort { $0.keys.lowerBound < $1.keys.lowerBound }
    var start = 0
    for index in spans.indices {
      spans[index].start = start
      start += spans[index].keys.count * spans[index].queries.count
    }
    return spans
  }

  /// The numbers of one query's keys, run after run: in place where one run has them all, else copied behind the blocks.
  ///
  /// - Parameters:
  ///   - runs: the query's keys.
  ///   - query: the query, counted as in ``covering(_:)``.
  ///   - spans: of all queries.
  ///   - room: the blocks of all spans, and behind them room for a row.
  ///   - count: how many keys the runs have.
  static func packed(
    _ runs: [KeyRun], ofQuery query: Int, _ spans: [KeySpan], _ room: UnsafeMutableBufferPointer<Double>,
    count: Int
  ) -> UnsafeBufferPointer<Double> {
    func numbers(_ run: KeyRun) -> UnsafeBufferPointer<Double> {
      let span = spans.first { $0.keys.contains(run.keys.lowerBound) }!
      let start =
        span.start + (query - span.queries.lowerBound) * span.keys.count + run.keys.lowerBound
        - span.keys.lowerBound
      return UnsafeBufferPointer(rebasing: room[start..<start + run.keys.count])
    }
    let seen = runs.filter { !$0.keys.isEmpty }
    if seen.count == 1 { return numbers(seen[0]) }
    let row = UnsafeMutableBufferPointer(rebasing: room[(room.count - count)...])
    var next = 0
    for run in seen {
      let source = numbers(run)
      (row.baseAddress! + next).update(from: source.baseAddress!, count: source.count)
      next += source.count
    }
    return UnsafeBufferPointer(row)
  }
}
