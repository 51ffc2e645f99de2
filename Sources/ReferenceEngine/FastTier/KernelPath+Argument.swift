// The path of kernels as their C functions take it.

extension KernelPath {
  /// 1 where vectors are allowed.
  public var allowsVectors: Int32 { self == .automatic ? 1 : 0 }
}
