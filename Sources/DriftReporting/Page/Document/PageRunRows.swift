// What was run, as lines at the head of a page.

import DriftAnalysis
import RotaryAttention

extension DriftExperiment {
  /// Input, shape, parts, rotation, pattern and shifts in words.
  ///
  /// - Parameter identity: the input's digest.
  func pageRows(inputIdentity identity: String) -> [(String, String)] {
    var rows = [
      ("Input", "\(input.spelling), SHA-256 \(identity)"),
      (
        "Shape",
        (shape.queryTokens == shape.keyTokens
          ? PageText.count(shape.keyTokens, "token")
          : "\(PageText.count(shape.queryTokens, "query token")), \(PageText.count(shape.keyTokens, "key token"))")
          + ", \(PageText.count(shape.heads, "head")) on \(PageText.count(shape.keyValueHeads, "key head")) of "
          + PageText.count(embedding.headSize, "channel")
      ),
      ("Measured", "layers \(PageText.indices(layers)); heads \(PageText.indices(heads))"),
      (
        "Rotation",
        "\(embedding.rotarySize) channels, \(embedding.layout.rawValue), base \(embedding.base.text), scaling "
          + (embedding.scaling.isDefault ? "none" : embedding.scaling.spelling)
      ),
    ]
    rows.append(
      (
        "Shifts",
        PageText.list(comparisons.map { "\($0.first) against \($0.second)" }, atMost: 24)
      ))
    return rows
  }
}

extension DocumentLayout {
  /// Documents, chunks and tags as a line at the head of a page.
  var pageRow: (String, String) {
    var parts = [inWords]
    if chunks.count > documents.count { parts.append("interleaved in \(chunks.count) chunks") }
    if let tags = documents.first?.tagTokens, tags > 0 {
      parts.append("tags of \(PageText.count(tags, "token"))")
    }
    return ("Documents", parts.joined(separator: ", "))
  }
}
