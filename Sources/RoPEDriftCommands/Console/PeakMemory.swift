// What a run cost in memory, for --verbose.

import Foundation

/// The greatest resident memory of this process so far.
enum PeakMemory {
  /// In megabytes (10^6 bytes), rounded up; nil where the system does not say.
  static var megabytes: Int? {
    var usage = rusage()
    #if canImport(Darwin)
      let (own, bytesPerUnit) = (RUSAGE_SELF, 1)
    #else
      let (own, bytesPerUnit) = (RUSAGE_SELF.rawValue, 1024)
    #endif
    guard getrusage(own, &usage) == 0, usage.ru_maxrss > 0 else { return nil }
    return (Int(usage.ru_maxrss) * bytesPerUnit + 999_999) / 1_000_000
  }
}
