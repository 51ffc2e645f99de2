// Which way the kernels go: tests and machines without vectors take the other one.

import Foundation

/// Which way the kernels go.
public enum KernelPath: Sendable {
  /// Vectors where the processor has them.
  case automatic
  /// One number at a time; what machines without AVX2 and FMA run, and tests anywhere.
  case scalar

  /// The path of this process: `automatic` unless the environment has `ROPEDRIFT_KERNELS=scalar`.
  public static let ofProcess: KernelPath =
    ProcessInfo.processInfo.environment["ROPEDRIFT_KERNELS"] == "scalar" ? .scalar : .automatic
}
