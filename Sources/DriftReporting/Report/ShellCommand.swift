// Commands that stand in records and messages, ready to be pasted into a shell.

/// The text of a command line.
public enum ShellCommand {
  /// The words with a blank between them, each as a POSIX shell reads it back.
  public static func text(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

  /// A word as a POSIX shell reads it back.
  static func quoted(_ word: String) -> String {
    let plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%"
    return !word.isEmpty && word.allSatisfy(plain.contains)
      ? word
      : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
