// How text for people looks where it is shown: colour or none, and how wide a line may be. Files and pipes get plain text of any
// width.

import Foundation

/// Colour and width of what is written for eyes. Nothing is said by colour alone: a text without it reads the same.
public struct TerminalAppearance: Sendable, Hashable {
  /// Whether escape sequences for colour and weight are written.
  public var usesColor: Bool
  /// Characters in a line; nil where there is no limit.
  public var width: Int?

  /// An appearance.
  public init(usesColor: Bool = false, width: Int? = nil) {
    self.usesColor = usesColor
    self.width = width
  }

  /// No colour, no limit.
  public static let plain = TerminalAppearance()

  /// That of the text which the running command makes. Threads that it starts do not inherit it.
  @TaskLocal public static var current = plain

  /// What a piece of text is.
  public enum Emphasis: String, Sendable, Hashable, CaseIterable {
    /// Headings of tables.
    case heading = "1"
    /// A verdict that is well.
    case good = "32"
    /// A verdict that is not.
    case bad = "1;31"
    /// What a reader should know.
    case caution = "33"
  }

  /// The text, with colour or weight where they are used.
  public func emphasized(_ text: String, _ emphasis: Emphasis) -> String {
    usesColor && !text.isEmpty ? "\u{1B}[\(emphasis.rawValue)m\(text)\u{1B}[0m" : text
  }

  /// The width of the terminal behind a descriptor; nil where it is none or does not say.
  public static func width(ofTerminal descriptor: Int32) -> Int? {
    var size = winsize()
    guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return nil
    }
    return Int(size.ws_col)
  }

  /// Whether the terminal behind a descriptor takes escape sequences: it is one, and not a dumb one.
  public static func takesEscapes(_ descriptor: Int32) -> Bool {
    let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
    return isatty(descriptor) == 1 && !isDumb
  }
}
