// Which keys a query sees and where tokens stand, as typed: the same flags in every command that measures whole windows.

import ArgumentParser
import Foundation
import RoPEDrift

/// `--documents`, `--interleave`, `--tag-tokens`: how a window is packed.
public struct DocumentOptions: ParsableArguments {
  /// Documents, as typed.
  @Option(
    help: ArgumentHelp(
      "Documents of the window: lengths as 100,28,384, a JSON or JSONL file of lengths, or a generator as log-normal:median=512,sigma=1.2,seed=1.",
      discussion:
        "Lengths add up to the tokens of the input. In a file each is a number, an interval [first, end] or an object "
        + "with length (or start and end) and domain. The other generator is up-sampled, which adds long= and times=.",
      valueName: "documents"))
  public var documents: String?
  /// Interleaving, as typed.
  @Option(
    help: ArgumentHelp(
      "Cut documents into chunks of so many tokens and interleave them, in turn or as CHUNK:seed=N; the order within a document is kept.",
      valueName: "chunk"))
  public var interleave: String?
  /// Tokens of a domain tag.
  @Option(
    help: ArgumentHelp(
      "Tokens at the head of every document that are a tag of its domain, beside its length (default: 0).",
      valueName: "n"))
  public var tagTokens: Int?

  /// For the parser.
  public init() {}

  /// Whether any of the flags is there.
  var isGiven: Bool { documents != nil || interleave != nil || tagTokens != nil }

  /// The layout over the tokens of an input.
  ///
  /// - Throws: ``CommandFailure``; wrong usage where a flag is to blame, else a failure that names the file.
  func layout(tokens: Int) throws -> DocumentLayout {
    let tags = tagTokens ?? 0
    guard let documents else {
      guard !isGiven else {
        throw CommandFailure(
          .wrongUsage,
          "--interleave and --tag-tokens say how documents are packed; name them with --documents")
      }
      return DocumentLayout(singleDocumentOf: tokens)
    }
    do {
      return try DocumentLayout(
        try description(documents, tokens: tokens, tagTokens: tags), tokens: tokens, tagTokens: tags,
        interleaving: try interleave.map(Interleaving.init(spelling:)))
    } catch let error as PatternError {
      throw isFile(documents)
        ? CommandFailure(.failed, "\(documents): \(error.description)")
        : CommandFailure(.wrongUsage, error.description)
    }
  }

  /// A list begins with a digit or a sign, a generator with its name; all else is a file.
  private func isFile(_ typed: String) -> Bool { !isList(typed) && !isGenerator(typed) }

  private func isList(_ typed: String) -> Bool { typed.allSatisfy { $0.isNumber || ",-+ ".contains($0) } }

  private func isGenerator(_ typed: String) -> Bool {
    let name = typed.prefix { $0 != ":" }
    return DocumentGenerator.Law.allCases.contains { $0.rawValue == name }
  }

  private func description(_ typed: String, tokens: Int, tagTokens: Int) throws -> DocumentDescription {
    if isList(typed) { return try DocumentDescription(list: typed) }
    if isGenerator(typed) {
      return try DocumentGenerator(spelling: typed).documents(tokens: tokens, tagTokens: tagTokens)
    }
    let laws = DocumentGenerator.Law.allCases.map(\.rawValue)
    let suggestion = didYouMean(nearestName(to: String(typed.prefix { $0 != ":" }), among: laws))
    return try DocumentDescription(
      json: TextFile.bytes(
        at: typed, holding: "documents\(suggestion)",
        otherwise: "or a list of lengths or a generator (\(laws.joined(separator: ", ")))"))
  }

  /// What a record of the run holds.
  func add(to command: inout CanonicalCommand) {
    command.add("--documents", documents)
    command.add("--interleave", interleave)
    command.add("--tag-tokens", tagTokens.map(String.init))
  }
}

/// `--mask`, `--positions` and ``DocumentOptions``.
public struct PatternOptions: ParsableArguments {
  /// The mask, as typed.
  @Option(
    help: ArgumentHelp(
      "Which keys a query sees: full (the default), intra, anchor, anchor-copy, window:N, intra+window:N, anchor+window:N.",
      valueName: "mask"), completion: .list(AttentionMask.names))
  public var mask: String?
  /// The position policy, as typed.
  @Option(
    help: ArgumentHelp(
      "Positions of tokens before the shift: continuous (the default), reset, anchor, or a file of one integer a token.",
      valueName: "policy"), completion: .list(PositionPolicy.named.map(\.name)))
  public var positions: String?
  /// Documents.
  @OptionGroup public var documents: DocumentOptions

  /// For the parser.
  public init() {}

  /// The pattern over the tokens of an input.
  ///
  /// - Parameters:
  ///   - tokens: keys of the input.
  ///   - window: W of a model, which is the mask where none was typed.
  /// - Throws: ``CommandFailure``.
  public func resolve(tokens: Int, window: Int?) throws -> AttentionPattern {
    do {
      let chosen: AttentionMask
      if let mask {
        chosen = try AttentionMask(spelling: mask)
        if let window, chosen.window != window, tokens > window {
          Console.current.warning(
            "the model has a window of \(window) keys, the mask is \(chosen.spelling), as --mask says"
          )
        }
      } else if let window, tokens > window {
        chosen = try AttentionMask(spelling: "window:\(window)")
        Console.current.note("the mask is window:\(window), as the model has it")
      } else {
        chosen = .full
      }
      let layout = try documents.layout(tokens: tokens)
      if layout.documents.count == 1, chosen.documents != .ignored {
        Console.current.warning(
          "the window is one document, of which mask \(chosen.spelling) shows what it would show without documents; name "
            + "several with --documents")
      }
      if documents.isGiven, chosen.documents == .ignored, policyName != "reset" {
        Console.current.warning(
          "mask \(chosen.spelling) lets queries see other documents; take --mask intra or anchor")
      }
      return try AttentionPattern(mask: chosen, policy: try policy(), documents: layout)
    } catch let error as PatternError {
      throw CommandFailure(.wrongUsage, error.description)
    }
  }

  private var policyName: String { positions ?? "continuous" }

  private func policy() throws -> PositionPolicy { try PositionPolicy(typed: policyName) }

  /// Words of the command that makes the same again.
  func add(to command: inout CanonicalCommand) {
    command.add("--mask", mask)
    command.add("--positions", positions)
    documents.add(to: &command)
  }
}

extension PositionPolicy {
  /// Reads a policy's name, or the file that lists positions.
  ///
  /// - Throws: ``CommandFailure``.
  init(typed policyName: String) throws {
    if let known = PositionPolicy.named.first(where: { $0.name == policyName }) {
      self = known.policy
      return
    }
    let bytes = try TextFile.bytes(
      at: policyName, holding: "positions",
      otherwise: "or one of " + PositionPolicy.named.map(\.name).joined(separator: ", "))
    // Blanks, commas and the brackets of a JSON array between integers.
    let separators = Set(", \t\r\n[]".utf8)
    self = .list(
      try bytes.split(whereSeparator: separators.contains).enumerated().map { index, word in
        let text = String(decoding: word, as: UTF8.self)
        if let position = Int(text) { return position }
        throw CommandFailure(
          .failed,
          text.isDecimalInteger
            ? "\(policyName): position \(index) is \(text.prefix(40)), outside ±2^53 = ±\(TokenPositions.limit)"
            : "\(policyName): position \(index) is \(String(text.prefix(20)).debugDescription), expected an integer"
        )
      })
  }
}
