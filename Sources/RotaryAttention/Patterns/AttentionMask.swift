// Which keys a query sees: the whole window, its own document, an anchor beside it, the nearest tokens.

import FloatingPointFormats

/// A rule of visibility over the tokens of a window. Every mask is causal: no query sees a later token.
///
/// `full` · `intra` (only keys of the query's own document) · `anchor` (its own document and token 0 of the window) · `anchor-copy`
/// (the same pairs, laid out as sequences of variable length that each begin with a copy of the anchor) · `window:N` (itself and the
/// N − 1 tokens before it). A window combines with `intra` and `anchor`: `anchor+window:256`; an anchor stays visible outside it.
public struct AttentionMask: Sendable, Hashable {
  /// What documents mean to a query.
  public enum Documents: String, Sendable, Hashable, CaseIterable {
    /// Nothing: all tokens are one document.
    case ignored = "full"
    /// Queries see their own only.
    case separate = "intra"
    /// Queries see their own and the window's first token, in one mask over the window [Wang2024].
    case anchored = "anchor"
    /// The same pairs as sequences of their own, each with a copy of the anchor at its head [Wang2024].
    case anchorCopied = "anchor-copy"
  }

  /// What documents mean.
  public let documents: Documents
  /// N of a sliding window: query token t sees keys t − N + 1 … t; nil for none.
  public let window: Int?

  /// Every key up to the query's own token.
  public static let full = AttentionMask(documents: .ignored)

  private init(documents: Documents, window: Int? = nil) {
    self.documents = documents
    self.window = window
  }

  /// Reads a spelling.
  ///
  /// - Throws: ``PatternError``.
  public init(spelling: String) throws {
    var documents: Documents?
    var window: Int?
    for part in spelling.split(separator: "+", omittingEmptySubsequences: false).map(String.init) {
      if part == "window" || part.hasPrefix("window:") {
        guard window == nil else { throw PatternError.mask(spelling, reason: "has two windows") }
        let typed = part.dropFirst("window:".count)
        guard let size = Int(typed), size > 0 else {
          throw PatternError.mask(
            spelling,
            reason: typed.isEmpty
              ? "has a window without a size; write it as window:1024"
              : "has a window of '\(typed)' keys, which is out of range or no integer; a window has 1 to \(Int.max) keys, "
                + "write it as window:1024")
        }
        window = size
      } else if let known = Documents(rawValue: part) {
        guard documents == nil else {
          throw PatternError.mask(
            spelling, reason: "says twice what documents see; '+' adds a window to a mask")
        }
        documents = known
      } else {
        throw PatternError.mask(
          spelling,
          reason: "is no mask\(didYouMean(nearestName(to: part, among: Self.names))); known are "
            + Self.names.joined(separator: ", ") + ", and intra+window:N, anchor+window:N")
      }
    }
    guard documents != .anchorCopied || window == nil else {
      throw PatternError.mask(
        spelling,
        reason:
          "cannot be: kernels of the copied form have one window for a whole sequence, which the copy of the anchor "
          + "leaves like any other key; take anchor+window:N")
    }
    self.init(documents: documents ?? .ignored, window: window)
  }

  /// The spellings of masks without combinations.
  public static let names = Documents.allCases.map(\.rawValue) + ["window:N"]

  /// As ``init(spelling:)`` reads it.
  public var spelling: String {
    guard let window else { return documents.rawValue }
    return documents == .ignored ? "window:\(window)" : "\(documents.rawValue)+window:\(window)"
  }

  /// Whether token 0 is visible to every query.
  public var hasAnchor: Bool { documents == .anchored || documents == .anchorCopied }
}
