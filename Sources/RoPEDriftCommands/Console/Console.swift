// Where a command writes: data to one stream, talk to the other. Tests put their own streams in place.

import Foundation
import RoPEDrift
import Synchronization

/// The two output streams of a command.
///
/// A command takes ``current`` once, at its start: threads that it makes do not inherit it.
public struct Console: Sendable {
  private let data: @Sendable (String) throws -> Void
  private let talk: @Sendable (String) -> Void

  /// A console from two functions; `data` may fail, talk is passed over where it cannot be written.
  public init(data: @escaping @Sendable (String) throws -> Void, talk: @escaping @Sendable (String) -> Void) {
    self.data = data
    self.talk = talk
  }

  /// The console of the running command.
  @TaskLocal public static var current = Console.standard

  /// Standard output and standard error.
  public static let standard: Console = {
    let output = StandardOutput()
    return Console(data: { try output.write($0) }, talk: { StandardError.write($0) })
  }()

  /// Writes data as it is.
  ///
  /// - Throws: ``CommandFailure`` where the stream cannot be written. A reader that has gone away (`| head`) is no failure.
  public func write(_ text: String) throws { try data(text) }

  /// Writes a line of data.
  public func print(_ line: String = "") throws { try data(line + "\n") }

  /// Writes JSON and a line break.
  public func print(json value: JSONValue) throws { try print(JSONText.text(of: value)) }

  /// Writes a line of talk, `ropedrift: note: …`.
  public func note(_ message: String) { talk("ropedrift: note: \(Self.visible(message))\n") }

  /// Writes the message that ends a command, `ropedrift: error: …`.
  public func error(_ message: String) { talk("ropedrift: error: \(Self.visible(message))\n") }

  /// Lines in which no name that comes from a file can move the cursor.
  private static func visible(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { AlignedTextTable.visible(String($0)) }.joined(separator: "\n")
  }
}

/// Standard output, unbuffered. After the reader has closed its end everything is dropped, so that a command runs to its own
/// exit code.
private final class StandardOutput: Sendable {
  private let isClosed = Mutex(false)

  func write(_ text: String) throws {
    try isClosed.withLock { isClosed in
      guard !isClosed else { return }
      var text = text
      let failure: Int32? = text.withUTF8 { bytes in
        var offset = 0
        while offset < bytes.count {
          let count = systemWrite(STDOUT_FILENO, bytes.baseAddress! + offset, bytes.count - offset)
          if count < 0, errno != EINTR { return errno }
          offset += max(0, count)
        }
        return nil
      }
      guard let failure else { return }
      isClosed = true
      if failure != EPIPE {
        throw CommandFailure(
          .failed,
          "standard output cannot be written (\(String(cString: strerror(failure)))); redirect it elsewhere")
      }
    }
  }
}

/// The system's `write`, under a name that no method hides.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
