// Work that is merged in order while other work goes on.

import Synchronization
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite("Concurrent work, merged in order") struct ConcurrentMergeTests {
  private struct Failure: Error, Equatable { let index: Int }

  /// Work whose length does not follow the order.
  private static func work(_ index: Int) -> Int {
    var generator = SeededGenerator(seed: UInt64(index))
    return (0..<generator.below(400)).reduce(0) { sum, _ in sum ^ Int(truncatingIfNeeded: generator.next())
    }
  }

  @Test(arguments: [1, 2, 3, 8], [1, 2, 5, 64])
  func everyResultIsMergedOnceAndInOrder(threads: Int, window: Int) throws {
    for count in [0, 1, 2, 7, 200] {
      let merged = Atomic<Int>(0)
      let isEarly = Atomic<Bool>(false)
      var found: [Int] = []
      var results: [Int] = []
      try concurrentMerge(count: count, threads: threads, window: window) { index in
        // What belonged to index − window has been merged.
        if merged.load(ordering: .acquiring) < index - window + 1 { isEarly.store(true, ordering: .relaxed) }
        return Self.work(index)
      } merge: { index, result in
        found.append(index)
        results.append(result)
        merged.add(1, ordering: .releasing)
      }
      #expect(found == Array(0..<count) && results == (0..<count).map(Self.work))
      let began = isEarly.load(ordering: .relaxed)
      #expect(!began)
    }
  }

  @Test(arguments: [1, 2, 4])
  func theErrorIsThatOfTheLeastIndex(threads: Int) {
    for first in [0, 3, 40] {
      var merged = 0
      let error = #expect(throws: Failure.self) {
        try concurrentMerge(count: 100, threads: threads, window: 6) { index -> Int in
          if index >= first { throw Failure(index: index) }
          return Self.work(index)
        } merge: { _, _ in
          merged += 1
        }
      }
      #expect(error == Failure(index: first) && merged == first)
    }
  }
}
