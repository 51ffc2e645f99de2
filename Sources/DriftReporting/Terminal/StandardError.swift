// Talk goes to stderr: progress, warnings, errors. Swift 6 does not let C's `stderr` be used, and a FileHandle ends the
// process where stderr is closed or full, which no message is worth.

import Foundation

/// The standard error stream.
public enum StandardError {
  /// Writes text as it is, at once; a failure is passed over. Texts of two threads do not mix if they are short.
  public static func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var offset = 0
      while offset < bytes.count {
        let written = systemWrite(STDERR_FILENO, bytes.baseAddress! + offset, bytes.count - offset)
        if written < 0, errno != EINTR { return }
        offset += max(0, written)
      }
    }
  }
}
