// OpenBLAS on one thread: the yardstick of everything that is a matrix of dot products.

import BenchmarkHarness
import COpenBLAS

/// Matrix products of OpenBLAS.
enum MatrixProduct {
  /// Keeps OpenBLAS on one thread; called once before the first measurement.
  static func useOneThread() { openblas_set_num_threads(1) }

  /// OpenBLAS's version and the processor whose kernels it chose.
  static var version: String {
    "\(String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")) "
      + "(kernels for \(String(cString: openblas_get_corename())))"
  }

  /// Q·Kᵀ in binary64, all T × T scores; a score is a unit of work.
  static func binary64(
    _ vectors: AttentionVectors, scores: Buffer<Double>
  ) -> Contender {
    let (tokens, channels) = (vectors.tokens, AttentionVectors.channels)
    let queries = Buffer(vectors.queries, zero: 0)
    let keys = Buffer(vectors.keys, zero: 0)
    return .timed("OpenBLAS dgemm", work: Double(tokens * tokens)) {
      cblas_dgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, blasint(tokens), blasint(tokens), blasint(channels), 1,
        queries.base, blasint(channels), keys.base, blasint(channels), 0, scores.base, blasint(tokens))
    }
  }

  /// Q·Kᵀ in binary32, all scores of queries and keys.
  static func binary32(
    queries: Buffer<Float>, keys: Buffer<Float>, channels: Int, scores: Buffer<Float>, operations: Double
  ) -> Contender {
    let (rows, columns) = (queries.count / channels, keys.count / channels)
    return .timed("OpenBLAS sgemm", work: operations) {
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(columns), blasint(channels), 1,
        queries.base, blasint(channels), keys.base, blasint(channels), 0, scores.base, blasint(columns))
    }
  }
}
