// Work on several threads whose results do not depend on how many there are.

import Dispatch
import Synchronization

/// `transform(0)`, …, `transform(count − 1)` in order, computed on at most `threads` threads. Each takes the next chunk that
/// nobody has; results are stored by index. The error thrown is that of the least index.
public func concurrentMap<Element: Sendable>(
  count: Int, threads: Int, _ transform: @Sendable (Int) throws -> Element
) throws -> [Element] {
  let workers = min(threads, count)
  guard workers > 1 else { return try (0..<count).map(transform) }
  let chunks = min(count, workers * 8)
  var results = [Result<[Element], any Error>?](repeating: nil, count: chunks)
  let next = Atomic<Int>(0)
  results.withUnsafeMutableBufferPointer { buffer in
    nonisolated(unsafe) let slots = buffer
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      while true {
        let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard chunk < chunks else { return }
        let range = count * chunk / chunks..<count * (chunk + 1) / chunks
        slots[chunk] = Result { try range.map(transform) }
      }
    }
  }
  return try results.flatMap { try $0!.get() }
}
