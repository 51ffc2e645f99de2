// Work on several threads whose results are merged in order while the work goes on: nobody waits for the slowest of a wave.

import Dispatch
import Synchronization

/// Computes `transform(0)`, …, `transform(count − 1)` on at most `threads` threads and hands each result to `merge`, in ascending order
/// and to one at a time, by whichever thread finished it or one before it.
///
/// `transform(i)` begins after `merge(i − window, …)` has ended: what belongs to i may take the place of what belonged to i − window.
///
/// - Parameters:
///   - count: how many.
///   - threads: at most so many at a time, and no more than `window`.
///   - window: at least 1.
///   - transform: called once an index, unless one failed.
///   - merge: called in order, up to the first that failed.
/// - Throws: the error of the least index.
public func concurrentMerge<Element: Sendable>(
  count: Int, threads: Int, window: Int, _ transform: @Sendable (Int) throws -> Element,
  merge: (Int, Element) -> Void
) throws {
  precondition(window > 0)
  let workers = min(threads, count, window)
  guard workers > 1 else {
    for index in 0..<count { merge(index, try transform(index)) }
    return
  }
  let order = MergeOrder<Element>(window: window)
  nonisolated(unsafe) let merge = merge
  DispatchQueue.concurrentPerform(iterations: workers) { _ in
    while let index = order.begin(below: count) {
      do {
        let element = try transform(index)
        order.finish(index, element, merge: merge)
      } catch {
        order.fail(index, error)
      }
    }
  }
  if let error = order.failure { throw error }
}

/// Who does what, and what is merged.
private final class MergeOrder<Element: Sendable>: Sendable {
  private struct State {
    var begun = 0
    var merged = 0
    var isMerging = false
    var finished: [Int: Element] = [:]
    var failure: (index: Int, error: any Error)?
  }

  private let state = Mutex(State())
  /// One permit for each index that may begin. A semaphore may not be destroyed with a lower value than it began with: it begins with 0.
  private let permits = DispatchSemaphore(value: 0)

  init(window: Int) {
    for _ in 0..<window { permits.signal() }
  }

  var failure: (any Error)? { state.withLock { $0.failure?.error } }

  /// The next index, after waiting until it may begin; nil where there is none.
  func begin(below count: Int) -> Int? {
    permits.wait()
    let index = state.withLock { state -> Int? in
      guard state.failure == nil, state.begun < count else { return nil }
      state.begun += 1
      return state.begun - 1
    }
    // Whoever waits for a permit has to learn that there is nothing left.
    if index == nil { permits.signal() }
    return index
  }

  /// Keeps a result and merges all that are next, unless another thread is doing so: it will see this one.
  func finish(_ index: Int, _ element: Element, merge: (Int, Element) -> Void) {
    var next = state.withLock { state -> (Int, Element)? in
      state.finished[index] = element
      return state.isMerging ? nil : Self.takeNext(&state)
    }
    while let (index, element) = next {
      merge(index, element)
      next = state.withLock { state in
        state.merged += 1
        return Self.takeNext(&state)
      }
      permits.signal()
    }
  }

  func fail(_ index: Int, _ error: any Error) {
    state.withLock { state in
      if state.failure.map({ index < $0.index }) ?? true { state.failure = (index, error) }
    }
    permits.signal()
  }

  private static func takeNext(_ state: inout State) -> (Int, Element)? {
    let next = state.merged
    guard let element = state.finished.removeValue(forKey: next) else {
      state.isMerging = false
      return nil
    }
    state.isMerging = true
    return (next, element)
  }
}
