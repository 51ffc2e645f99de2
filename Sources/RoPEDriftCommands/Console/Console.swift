// Where a command writes: data to one stream, talk to the other. Tests put their own streams in place.

import Foundation
import RoPEDrift
import Synchronization

/// The two output streams of a command, and how much is said on the second.
///
/// A command takes ``current`` once, at its start: threads that it makes do not inherit it.
public struct Console: Sendable {
  /// What is said beside data and errors.
  enum Talkativeness: Sendable { case quiet, normal, verbose }

  private let data: @Sendable (String) throws -> Void
  private let talk: @Sendable (String) -> Void
  private let terminals: Terminals
  private var talkativeness = Talkativeness.normal
  private var talkAppearance = TerminalAppearance.plain
  /// How text on the data stream looks.
  private(set) var appearance = TerminalAppearance.plain

  /// A console from two functions; `data` may fail, talk is passed over where it cannot be written.
  ///
  /// - Parameter terminals: which of the streams is a terminal; neither, unless said otherwise.
  public init(
    data: @escaping @Sendable (String) throws -> Void, talk: @escaping @Sendable (String) -> Void,
    terminals: Terminals = Terminals()
  ) {
    self.data = data
    self.talk = talk
    self.terminals = terminals
  }

  /// The console of the running command.
  @TaskLocal public static var current = Console.standard

  /// Standard output and standard error.
  public static let standard: Console = {
    let output = StandardOutput()
    return Console(
      data: { try output.write($0) }, talk: { StandardError.write($0) }, terminals: .ofProcess)
  }()

  /// This console as the environment and options want it.
  ///
  /// - Parameters:
  ///   - options: those of a command that was parsed; nil before.
  ///   - forbidsColor: whether the environment does (`NO_COLOR`); `--color always` wins over it.
  func styled(by options: PrintingOptions?, forbidsColor: Bool) -> Console {
    func usesColor(_ isTerminal: Bool) -> Bool {
      switch options?.color ?? .auto {
      case .always: true
      case .never: false
      case .auto: isTerminal && !forbidsColor
      }
    }
    var console = self
    if let options {
      console.talkativeness = options.quiet ? .quiet : options.verbose ? .verbose : .normal
    }
    console.appearance = TerminalAppearance(
      usesColor: usesColor(terminals.dataTakesEscapes), width: terminals.dataWidth)
    console.talkAppearance = TerminalAppearance(usesColor: usesColor(terminals.talkTakesEscapes))
    return console
  }

  /// Writes data as it is.
  ///
  /// - Throws: ``CommandFailure`` where the stream cannot be written. A reader that has gone away (`| head`) is no failure.
  public func write(_ text: String) throws { try data(text) }

  /// Writes a line of data.
  public func print(_ line: String = "") throws { try data(line + "\n") }

  /// Writes JSON and a line break.
  public func print(json value: JSONValue) throws { try print(JSONText.text(of: value)) }

  /// Writes a line of talk that a reader should know, `ropedrift: note: …`; nothing under `--quiet`.
  public func note(_ message: String) {
    if talkativeness != .quiet { say("note:", .caution, message) }
  }

  /// Writes a line of talk about something that is likely not meant, `ropedrift: warning: …`; nothing under `--quiet`.
  public func warning(_ message: String) {
    if talkativeness != .quiet { say("warning:", .caution, message) }
  }

  /// Writes a line of talk under `--verbose`, `ropedrift: info: …`.
  public func detail(_ message: @autoclosure () -> String) {
    if talkativeness == .verbose { say("info:", .heading, message()) }
  }

  /// Writes the message that ends a command, `ropedrift: error: …`.
  public func error(_ message: String) { say("error:", .bad, message) }

  /// A meter of work that is going on, silent under `--quiet`.
  ///
  /// - Parameters:
  ///   - label: what is counted.
  ///   - total: how many there are.
  public func progress(_ label: String, total: Int) -> ProgressMeter {
    ProgressMeter(label, total: total, display: talkativeness == .quiet ? .silent : .standard)
  }

  private func say(_ kind: String, _ emphasis: TerminalAppearance.Emphasis, _ message: String) {
    talk("ropedrift: \(talkAppearance.emphasized(kind, emphasis)) \(Self.visible(message))\n")
  }

  /// Lines in which no name that comes from a file can move the cursor.
  private static func visible(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { AlignedTextTable.visible(String($0)) }.joined(separator: "\n")
  }
}

/// Which of a console's streams is a terminal.
public struct Terminals: Sendable, Hashable {
  /// Whether the data stream shows colours.
  public var dataTakesEscapes: Bool
  /// Whether the stream of talk does.
  public var talkTakesEscapes: Bool
  /// Characters in a line of the data stream; nil where it is no terminal.
  public var dataWidth: Int?

  /// No terminal, unless said otherwise.
  public init(dataTakesEscapes: Bool = false, talkTakesEscapes: Bool = false, dataWidth: Int? = nil) {
    self.dataTakesEscapes = dataTakesEscapes
    self.talkTakesEscapes = talkTakesEscapes
    self.dataWidth = dataWidth
  }

  /// Those of standard output and standard error.
  public static var ofProcess: Terminals {
    Terminals(
      dataTakesEscapes: TerminalAppearance.takesEscapes(STDOUT_FILENO),
      talkTakesEscapes: TerminalAppearance.takesEscapes(STDERR_FILENO),
      dataWidth: TerminalAppearance.width(ofTerminal: STDOUT_FILENO))
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
