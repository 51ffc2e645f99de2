// Long work says how far it is and how long it will take, on stderr, without filling a log.

import Foundation
import Synchronization

/// Counts steps that several threads finish, and shows the share done with an estimate of the time left.
public final class ProgressMeter: Sendable {
  /// Where the progress goes.
  public enum Display: Sendable, Hashable {
    /// Nowhere.
    case silent
    /// One line that is written over, at most ten times a second, and wiped at the end; cut to fewer characters than the width,
    /// since a line that wraps could not be written over.
    case terminal(width: Int?)
    /// A line of its own every so many seconds, none for work that is done sooner.
    case lines(everySeconds: Double)

    /// `terminal` if stderr is one that can wipe a line, else a line every 10 seconds.
    public static var standard: Display {
      TerminalAppearance.takesEscapes(STDERR_FILENO)
        ? .terminal(width: TerminalAppearance.width(ofTerminal: STDERR_FILENO)) : .lines(everySeconds: 10)
    }
  }

  private struct State {
    var done = 0
    var lastShown: Double?
    var isFinished = false
  }

  private let label: String
  private let total: Int
  private let display: Display
  private let seconds: @Sendable () -> Double
  private let write: @Sendable (String) -> Void
  private let start: Double
  private let state = Mutex(State())

  /// Starts to count.
  ///
  /// - Parameters:
  ///   - label: what is going on, such as "comparing".
  ///   - total: the number of steps; 0 shows nothing.
  public convenience init(_ label: String, total: Int, display: Display = .standard) {
    self.init(
      label, total: total, display: display,
      seconds: { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 },
      write: StandardError.write)
  }

  /// As above with another clock and another place to write to, for tests.
  init(
    _ label: String, total: Int, display: Display, seconds: @escaping @Sendable () -> Double,
    write: @escaping @Sendable (String) -> Void
  ) {
    self.label = label
    self.total = total
    self.display = display
    self.seconds = seconds
    self.write = write
    start = seconds()
  }

  /// Counts steps that are done. Steps beyond the total are counted and shown as 100 %.
  public func advance(by steps: Int = 1) {
    guard display != .silent else { return }
    state.withLock { state in
      state.done += steps
      guard total > 0, !state.isFinished else { return }
      let now = seconds()
      let interval: Double
      switch display {
      case .silent: return
      case .terminal: interval = 0.1
      case .lines(let everySeconds): interval = everySeconds
      }
      // The first tenth of a second, or the first interval, shows nothing: short work stays silent.
      guard now - (state.lastShown ?? start) >= interval else { return }
      state.lastShown = now
      let line = line(done: min(state.done, total), elapsed: now - start)
      // Written under the lock, so that lines of two threads do not mix.
      if case .terminal(let width) = display {
        write("\r\u{1B}[K" + (width.map { String(line.prefix(max(1, $0 - 1))) } ?? line))
      } else {
        write(line + "\n")
      }
    }
  }

  /// Wipes the line, or ends the lines with the time taken if there were any. Nothing is shown after this.
  public func finish() {
    state.withLock { state in
      guard !state.isFinished else { return }
      state.isFinished = true
      guard state.lastShown != nil else { return }
      if case .terminal = display {
        write("\r\u{1B}[K")
      } else {
        write("\(label): done in \(Self.duration(seconds() - start))\n")
      }
    }
  }

  private func line(done: Int, elapsed: Double) -> String {
    let percent = Int((100 * Double(done) / Double(total)).rounded(.down))
    var line = "\(label): \(percent) % (\(done) of \(total))"
    // Before one per cent is done the time went mostly into preparation.
    if done > 0, done >= total / 100, done < total {
      line += ", \(Self.rate(Double(done) / elapsed)), about "
      line += "\(Self.duration(elapsed / Double(done) * Double(total - done))) left"
    }
    return line
  }

  /// Steps a second for people, three significant digits: `4 a second`, `0.25 a second`, `1.24 million a second`.
  static func rate(_ perSecond: Double) -> String {
    guard perSecond.isFinite else { return "very many a second" }
    // 999.5 would be shown as 1e+03.
    switch perSecond {
    case ..<999.5: return String(format: "%.3g a second", perSecond)
    case ..<999_500: return String(format: "%.3g thousand a second", perSecond / 1e3)
    case ..<999_500_000: return String(format: "%.3g million a second", perSecond / 1e6)
    default: return String(format: "%.3g thousand million a second", perSecond / 1e9)
    }
  }

  /// A time for people: `7 s`, `3 min 20 s`, `2 h 05 min`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "very long" }
    let whole = Int(max(0, seconds).rounded(.up))
    func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(twoDigits(whole % 60)) s" }
    return "\(whole / 3600) h \(twoDigits(whole % 3600 / 60)) min"
  }
}
