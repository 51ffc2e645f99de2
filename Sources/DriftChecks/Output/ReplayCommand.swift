// The command that shows one failing score or vector stage by stage, ready to be pasted.

import DriftReporting

/// What every replay command repeats: the input and the flags that state the problem and the recipe.
public struct ReplayCommand: Sendable, Hashable {
  /// The input as typed; nil for the shipped sample.
  public let input: String?
  /// Flags with values, as `--base`, `10000`, `--recipe`, `hf-bf16`.
  public let flags: [String]

  /// A command from its parts.
  public init(input: String?, flags: [String]) {
    self.input = input
    self.flags = flags
  }

  /// `ropedrift score` of one query row and one key row at their positions.
  public func score(
    layer: Int, head: Int, query: Int, key: Int, queryPosition: Int, keyPosition: Int
  ) -> String {
    var words = ["ropedrift", "score"]
    if let input { words.append(input) }
    words += ["--layer", "\(layer)", "--head", "\(head)", "--query", "\(query)", "--key", "\(key)"]
    for (flag, position) in [("--query-position", queryPosition), ("--key-position", keyPosition)] {
      words += position < 0 ? ["\(flag)=\(position)"] : [flag, "\(position)"]
    }
    return ShellCommand.text(words + flags)
  }
}
