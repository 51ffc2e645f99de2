// `--pattern`, repeatable: several masks with their positions over one layout of documents, as commands that compare patterns take them.

import ArgumentParser
import RoPEDrift

/// `--pattern MASK[/POSITIONS]` and ``DocumentOptions``.
public struct PatternListOptions: ParsableArguments {
  /// As typed.
  @Option(
    name: .customLong("pattern"),
    help: ArgumentHelp(
      "A mask and a policy of positions, as anchor/continuous (continuous if left out) or intra/FILE; repeatable.",
      valueName: "mask/positions"))
  public var patterns: [String] = []
  /// Documents.
  @OptionGroup public var documents: DocumentOptions

  /// For the parser.
  public init() {}

  /// What is compared where no pattern is named.
  static func defaults(tokens: Int) -> [String] {
    [
      "full/continuous", "intra/continuous", "intra/reset", "anchor/continuous", "anchor-copy/continuous",
      "anchor/reset", "window:\(max(1, tokens / 4))/continuous",
    ]
  }

  /// The documents; four of equal lengths, the last one with what is left, where none are named.
  ///
  /// - Throws: ``CommandFailure``.
  func layout(tokens: Int) throws -> DocumentLayout {
    guard !documents.isGiven, tokens > 1 else { return try documents.layout(tokens: tokens) }
    let count = min(4, tokens)
    let lengths = (0..<count).map {
      $0 == count - 1 ? tokens - (count - 1) * (tokens / count) : tokens / count
    }
    Console.current.note(
      "no --documents: the window is taken as \(count) documents of \(lengths.map(String.init).joined(separator: ", ")) tokens"
    )
    return try DocumentLayout(DocumentDescription(lengths: lengths), tokens: tokens)
  }

  /// The patterns over a layout, in the order typed, with what they are called.
  ///
  /// - Throws: ``CommandFailure``.
  func resolve(_ layout: DocumentLayout) throws -> [(name: String, pattern: AttentionPattern)] {
    let typed = patterns.isEmpty ? Self.defaults(tokens: layout.tokens) : patterns
    var chosen: [(name: String, pattern: AttentionPattern)] = []
    for item in typed {
      let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let policyName = parts.count == 2 ? parts[1] : "continuous"
      do {
        let mask = try AttentionMask(spelling: parts[0])
        let policy = try PositionPolicy(typed: policyName)
        let name = "\(mask.spelling)/\(policyName)"
        guard !chosen.contains(where: { $0.name == name }) else {
          throw CommandFailure(.wrongUsage, ExperimentError.repeatedPattern(name).description)
        }
        chosen.append((name, try AttentionPattern(mask: mask, policy: policy, documents: layout)))
      } catch let error as PatternError {
        throw CommandFailure(.wrongUsage, "pattern '\(item)': \(error.description)")
      }
    }
    if layout.documents.count == 1, chosen.contains(where: { $0.pattern.mask.documents != .ignored }) {
      Console.current.note(
        "there is one document, so that intra and anchor see what full sees; name more with --documents")
    }
    return chosen
  }

  /// Words of the command that makes the same again.
  func add(to command: inout CanonicalCommand) {
    for pattern in patterns { command.add("--pattern", pattern) }
    documents.add(to: &command)
  }
}
