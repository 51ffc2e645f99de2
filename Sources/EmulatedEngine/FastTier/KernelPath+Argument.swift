// The path of kernels as their C functions take it.

import ReferenceEngine

extension KernelPath {
  /// 1 where vectors are allowed.
  var allowsVectors: Int32 { self == .automatic ? 1 : 0 }
}
