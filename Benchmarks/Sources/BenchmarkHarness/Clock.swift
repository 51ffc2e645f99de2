// Two clocks. Ratios are of processor time: a machine that others use stretches wall time, and not the work.

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Clocks in seconds.
public enum Clock {
  /// Processor time of this process, user and system, all threads: a yardstick that used a second thread would be charged for it.
  public static func processorSeconds() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

  /// Time that does not go back.
  public static func wallSeconds() -> Double { seconds(CLOCK_MONOTONIC) }

  /// Processor time of this process while `work` ran.
  public static func time(_ work: () throws -> Void) rethrows -> Double {
    let start = processorSeconds()
    try work()
    return processorSeconds() - start
  }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else { preconditionFailure("clock_gettime fails") }
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
