// One large file is there whole or not at all: it is written beside its place and moved there when it is complete.

import Foundation
import Synchronization

/// A place for a file that may be made, or replaced where that was asked for.
public struct FileLocation: Sendable {
  /// The path as it was typed, for messages.
  public let typed: String
  /// The path of the folder that the file stands in.
  public let parent: String
  /// The name inside that folder.
  public let name: String
  /// Whether a file that is there already is to be replaced.
  public let replaces: Bool
  private let objection: @Sendable (String) -> String?

  /// The path of the file; where a symbolic link was named, of the file that it leads to.
  public var path: String { OutputLocation.join(parent, name) }

  /// Checks a path: it names a file; the folder it would stand in exists and can be written to; nothing is there, or with
  /// `replacing` a plain file to which there is no objection.
  ///
  /// - Parameters:
  ///   - typed: the path.
  ///   - replacing: whether a file may be replaced.
  ///   - objection: why the file at a path must not be replaced, as "it is …"; nil where it may.
  /// - Throws: ``OutputError``.
  public init(
    checking typed: String, replacing: Bool, objection: @escaping @Sendable (String) -> String?
  ) throws(OutputError) {
    self.typed = typed
    self.replaces = replacing
    self.objection = objection
    let destination = try DestinationPath(
      resolving: typed, typed: typed, brokenLink: .notAFile(typed), noName: .notAFileName(typed))
    (parent, name) = (destination.parent, destination.name)
    try checkDestination()
    try destination.checkParentIsWritable(typed: typed)
  }

  /// What is at the destination now, held against what may be replaced.
  func checkDestination() throws(OutputError) {
    switch FileKind(atLink: path) {
    case nil: return
    case .file: break
    default: throw .notAFile(typed)
    }
    guard replaces else { throw .alreadyExists(typed) }
    if let finding = objection(path) { throw .foreignFile(path: typed, finding: finding) }
  }
}

/// A file that is filled out of sight, as `.NAME.partial-PID` beside its place, and then put there by renaming it.
///
/// Without a commit, ``discard()`` or the end of the object's life removes it. All members may be called from any thread.
public final class StagedFile: Sendable {
  /// The place for which the file is meant.
  public let location: FileLocation
  /// The path to write to until ``commit()``.
  public let stagingPath: String

  private enum State { case open, committed, discarded }
  private let state = Mutex(State.open)

  /// Makes the empty staging file for a place that has been checked. A file of its name was left by a process that was killed; it
  /// is left alone and a number is added.
  ///
  /// - Throws: ``OutputError``.
  public init(at location: FileLocation) throws(OutputError) {
    self.location = location
    let base = OutputLocation.join(location.parent, ".\(location.name).partial-\(getpid())")
    for attempt in 0..<1000 {
      let path = attempt == 0 ? base : "\(base).\(attempt)"
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 {
        close(descriptor)
        stagingPath = path
        return
      }
      guard errno == EEXIST else { throw .system(errno, path: location.typed, "making '\(path)'") }
    }
    throw .failed(path: location.typed, operation: "making '\(base)'", reason: "too many of that name")
  }

  deinit { discard() }

  /// Puts the file, which its writer has put on the device, in its place; a file that may be replaced is gone then.
  ///
  /// - Throws: ``OutputError``: nothing has changed at the destination then, and the staging file is gone.
  public func commit() throws(OutputError) {
    var failure: OutputError?
    state.withLock { state in
      do throws(OutputError) {
        guard state == .open else { throw .discarded(path: location.typed) }
        // What is there may have changed during the run.
        try location.checkDestination()
        guard rename(stagingPath, location.path) == 0 else {
          throw .system(errno, path: location.typed, "moving '\(stagingPath)' to '\(location.path)'")
        }
        state = .committed
      } catch {
        failure = error
      }
    }
    if let failure {
      discard()
      throw failure
    }
  }

  /// Removes the staging file, unless it has been committed. May be called more than once.
  public func discard() {
    state.withLock { state in
      guard state == .open else { return }
      state = .discarded
      unlink(stagingPath)
    }
  }
}
