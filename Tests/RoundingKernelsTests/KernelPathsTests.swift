// Which way kernels go.

import RoundingKernels
import Testing

@Suite("Paths of kernels")
struct KernelPathsTests {
  @Test("the answer does not change")
  func isStable() {
    #expect(ropedrift_kernels_have_vectors() == ropedrift_kernels_have_vectors())
  }
}
