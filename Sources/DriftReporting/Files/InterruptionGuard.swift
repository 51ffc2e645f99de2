// Cleaning up when the user presses Ctrl-C or a scheduler ends the run, while every thread is busy computing.
//
// A signal handler may do next to nothing, and a flag polled by the computation is noticed late or never. So the handler
// writes one byte to a pipe, which is allowed, and a thread that waits at the pipe's other end does the rest as plain code.

import Foundation
import Synchronization

/// While one is active, SIGINT, SIGTERM and SIGHUP run a cleanup and end the process with exit code 130.
public final class InterruptionGuard: Sendable {
  /// The exit code of an interrupted run.
  public static let exitCode: Int32 = 130

  /// What an active guard does, and at which signals. (A test's guards watch others than a command's that runs beside it.)
  private struct Entry {
    let signals: Set<Int32>
    let exit: @Sendable (Int32) -> Void
    let cleanup: @Sendable () -> Void
  }

  /// The guards that are active, by a number of their own.
  private struct Registry {
    var next = 0
    var entries: [Int: Entry] = [:]
    var order: [Int] = []
    var watched: Set<Int32> = []
  }
  private static let registry = Mutex(Registry())
  /// Raised before the first cleanup starts and never lowered, unless a test's `exit` returns.
  private static let isInterrupted = Atomic<Bool>(false)

  private let key: Int

  /// Starts to watch the signals. They stay watched for the rest of the process; without an active guard they end it with
  /// exit code 130 and no cleanup. A signal that the process was started to ignore (`nohup`) stays ignored.
  ///
  /// - Parameter cleanup: runs on a thread of its own, once, and must end without help from the interrupted threads.
  public convenience init(cleanup: @escaping @Sendable () -> Void) {
    self.init(signals: [SIGINT, SIGTERM, SIGHUP], exit: { _exit($0) }, cleanup: cleanup)
  }

  /// As above with other signals, and with another end than that of the process, for tests.
  init(
    signals: [Int32], exit: @escaping @Sendable (Int32) -> Void, cleanup: @escaping @Sendable () -> Void
  ) {
    key = Self.registry.withLock { registry in
      let key = registry.next
      registry.next += 1
      registry.entries[key] = Entry(signals: Set(signals), exit: exit, cleanup: cleanup)
      registry.order.append(key)
      for number in signals where registry.watched.insert(number).inserted { Self.watch(number) }
      return key
    }
  }

  deinit { release() }

  /// Takes the cleanup back. If an interruption has begun, does not return: the process is about to end with 130, and
  /// whatever failed because its files were taken away is nobody's news.
  public func release() {
    while Self.isInterrupted.load(ordering: .acquiring) { usleep(10_000) }
    Self.registry.withLock { registry in
      registry.entries[key] = nil
      registry.order.removeAll { $0 == key }
    }
  }

  /// Runs `body` with a cleanup for interruptions. Neither its result nor its error comes back once an interruption has
  /// begun.
  public static func protecting<Result>(
    cleanup: @escaping @Sendable () -> Void, _ body: () throws -> Result
  ) rethrows -> Result {
    let active = InterruptionGuard(cleanup: cleanup)
    defer { active.release() }
    return try body()
  }

  /// Installs the handler for one signal and, the first time, the thread at the pipe's other end.
  private static func watch(_ number: Int32) {
    _ = waitingThread
    let previous = signal(number, handleInterruption)
    // Only the handler's address can be compared, and SIG_IGN is the address 1.
    if let previous, unsafeBitCast(previous, to: Int.self) == 1 { signal(number, SIG_IGN) }
  }

  /// The pipe and its reader, made once.
  private static let waitingThread: Void = {
    var ends: [Int32] = [-1, -1]
    precondition(pipe(&ends) == 0, "no pipe could be made: too many open files")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    interruptionPipe.store(ends[1], ordering: .sequentiallyConsistent)
    let readEnd = ends[0]
    let thread = Thread {
      var number: UInt8 = 0
      while true {
        let count = read(readEnd, &number, 1)
        if count == 1 { interrupt(by: Int32(number)) } else if count == 0 || errno != EINTR { return }
      }
    }
    thread.name = "interruption"
    thread.start()
  }()

  private static func interrupt(by number: Int32) {
    isInterrupted.store(true, ordering: .releasing)
    // Whoever presses Ctrl-C again does not want to wait for the cleanup.
    signal(number, SIG_DFL)
    let entries = registry.withLock { registry in
      registry.watched.remove(number)
      return registry.order.reversed().compactMap { registry.entries[$0] }.filter {
        $0.signals.contains(number)
      }
    }
    for entry in entries { entry.cleanup() }
    if let exit = entries.first?.exit { exit(exitCode) } else { _exit(exitCode) }
    isInterrupted.store(false, ordering: .releasing)
  }
}

/// The writing end of the pipe; a global, because a C function captures nothing.
private let interruptionPipe = Atomic<Int32>(-1)

/// The signal handler: only calls that are safe in one.
private func handleInterruption(_ number: Int32) {
  let saved = errno
  var byte = UInt8(truncatingIfNeeded: number)
  _ = write(interruptionPipe.load(ordering: .sequentiallyConsistent), &byte, 1)
  errno = saved
}
