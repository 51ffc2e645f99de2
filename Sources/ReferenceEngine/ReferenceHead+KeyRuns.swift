// Correctly rounded scores where a query sees keys in several runs.

import RotaryAttention

extension ReferenceHead {
  /// The correctly rounded scores of some queries, each against its runs of keys; see
  /// ``scores(queries:queryRows:keys:into:stride:)``. Neighbouring queries whose runs are alike are fastest: their first runs are
  /// computed together, then their second ones.
  ///
  /// - Parameters:
  ///   - queries: (queries, d).
  ///   - queryRows: for each query, the row of its position in the table.
  ///   - runs: for each query, its keys; may be none.
  ///   - scores: those of query i, packed in the order of its runs, go to the places from i·stride on.
  ///   - stride: at least as many as any query sees.
  /// - Throws: ``UndecidedRounding``.
  public func scores(
    queries: UnsafeBufferPointer<Double>, queryRows: [Int], runs: [[KeyRun]],
    into scores: UnsafeMutableBufferPointer<Double>, stride: Int
  ) throws -> Counts {
    precondition(runs.count == queryRows.count)
    let seen = runs.map { $0.map(\.keys).filter { !$0.isEmpty } }
    if seen.allSatisfy({ $0.count <= 1 }) {
      return try self.scores(
        queries: queries, queryRows: queryRows, keys: seen.map { $0.first ?? 0..<0 }, into: scores,
        stride: stride)
    }
    precondition(seen.allSatisfy { $0.reduce(0) { $0 + $1.count } <= stride || runs.count == 1 })
    var counts = Counts()
    // A query's last run is the long one: counted from the end, runs of one kind meet.
    for pass in 0..<seen.map(\.count).max()! {
      let ranges = seen.map { pass < $0.count ? $0[$0.count - 1 - pass] : 0..<0 }
      let width = ranges.map(\.count).max()!
      try withUnsafeTemporaryAllocation(of: Double.self, capacity: runs.count * width) { room in
        counts += try self.scores(
          queries: queries, queryRows: queryRows, keys: ranges, into: room, stride: width)
        for (query, range) in ranges.enumerated() where !range.isEmpty {
          let before = seen[query].dropLast(pass + 1).reduce(0) { $0 + $1.count }
          for offset in 0..<range.count {
            scores[query * stride + before + offset] = room[query * width + offset]
          }
        }
      }
    }
    return counts
  }
}
