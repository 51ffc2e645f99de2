// A report is there whole or not at all: it is written beside its place and moved there when it is complete.

import Foundation
import Synchronization

/// A folder that is filled out of sight and then put in its place by renaming it.
///
/// The files go into `.NAME.partial-PID` beside the destination, and so onto the same file system. ``commit()`` puts them on
/// the device and renames the folder. Without a commit, ``discard()`` or the end of the object's life removes it. All
/// members may be called from any thread; a discard waits for a commit under way.
public final class StagedFolder: Sendable {
  /// The place for which the folder is meant.
  public let location: OutputLocation
  /// The folder to write into until ``commit()``.
  public let stagingPath: String

  private enum State { case open, committed, discarded }
  private let state = Mutex(State.open)

  /// Makes the staging folder for a place that has been checked.
  ///
  /// - Throws: ``OutputError``.
  public init(at location: OutputLocation) throws(OutputError) {
    self.location = location
    stagingPath = try Self.makeFolder(beside: location, "partial")
  }

  /// Checks a path and makes the staging folder for it; see ``OutputLocation/init(checking:replacing:)``.
  ///
  /// - Throws: ``OutputError``.
  public convenience init(at path: String, replacing: Bool) throws(OutputError) {
    try self.init(at: try OutputLocation(checking: path, replacing: replacing))
  }

  deinit { discard() }

  /// The path at which to write a file of the folder.
  public func path(of file: String) -> String { OutputLocation.join(stagingPath, file) }

  /// Puts every file on the device and the folder in its place. An old report is moved aside first, put back if the new
  /// one cannot take its place, and removed at the end.
  ///
  /// - Returns: the path of the old report if it could not be removed; the new one is in place all the same.
  /// - Throws: ``OutputError``: nothing has changed at the destination then, and the staging folder is gone.
  @discardableResult public func commit() throws(OutputError) -> String? {
    var failure: OutputError?
    var leftover: String?
    state.withLock { state in
      do throws(OutputError) {
        guard state == .open else { throw .discarded(path: location.typed) }
        leftover = try putInPlace()
        state = .committed
      } catch {
        failure = error
      }
    }
    if let failure {
      discard()
      throw failure
    }
    return leftover
  }

  /// Removes the staging folder, unless it has been committed. May be called more than once.
  public func discard() {
    state.withLock { state in
      guard state == .open else { return }
      state = .discarded
      // Renamed first: a thread that is making files in it just now then fails, and does not fill it again.
      let condemned = stagingPath + ".discarded"
      let path = rename(stagingPath, condemned) == 0 ? condemned : stagingPath
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  private func putInPlace() throws(OutputError) -> String? {
    try synchronizeFiles()
    // What is there may have changed during the run.
    guard try location.checkDestination() else {
      try Self.move(stagingPath, to: location.path, for: location)
      Self.synchronize(location.parent)
      return nil
    }
    let container = try Self.makeFolder(beside: location, "replaced")
    let aside = OutputLocation.join(container, location.name)
    do throws(OutputError) {
      try Self.move(location.path, to: aside, for: location)
    } catch {
      rmdir(container)
      throw error
    }
    do throws(OutputError) {
      try Self.move(stagingPath, to: location.path, for: location)
    } catch {
      // If this fails too, the old report is still whole, and the error of the first failure stands.
      if rename(aside, location.path) == 0 { rmdir(container) }
      throw error
    }
    Self.synchronize(location.parent)
    try? FileManager.default.removeItem(atPath: container)
    return FileKind(atLink: container) == nil ? nil : aside
  }

  /// Makes a folder inside, for files whose paths begin with its name.
  ///
  /// - Throws: ``OutputError``.
  func makeFolder(_ name: String) throws(OutputError) {
    guard mkdir(path(of: name), 0o777) == 0 else {
      throw .system(errno, path: location.typed, "making the folder '\(name)'")
    }
  }

  /// Removes a file if it is there.
  ///
  /// - Throws: ``OutputError``.
  func remove(_ file: String) throws(OutputError) {
    guard unlink(path(of: file)) == 0 || errno == ENOENT else {
      throw .system(errno, path: location.typed, "removing '\(file)'")
    }
  }

  /// Puts the content of every file, and the folder's list of them, on the device.
  private func synchronizeFiles() throws(OutputError) {
    // Files of inner folders too: another program may have written them.
    let entries = try? FileManager.default.subpathsOfDirectory(atPath: stagingPath)
    guard let entries else {
      throw .failed(
        path: location.typed, operation: "reading the folder '\(stagingPath)'", reason: "it is gone")
    }
    for entry in entries {
      if let code = Self.synchronize(path(of: entry)) {
        throw .system(code, path: location.typed, "putting '\(entry)' on the device")
      }
    }
    Self.synchronize(stagingPath)
  }

  /// fsync(2) on a file or folder; returns what it failed with. File systems that cannot do it are no failure.
  @discardableResult private static func synchronize(_ path: String) -> Int32? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    if fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP { return nil }
    return errno
  }

  private static func move(
    _ source: String, to destination: String, for location: OutputLocation
  ) throws(OutputError) {
    guard rename(source, destination) == 0 else {
      throw .system(errno, path: location.typed, "moving '\(source)' to '\(destination)'")
    }
  }

  /// Makes `.NAME.purpose-PID` beside the destination. A folder of that name was left by a process that was killed, or
  /// belongs to one in another container; it is left alone and a number is added.
  private static func makeFolder(
    beside location: OutputLocation, _ purpose: String
  ) throws(OutputError) -> String {
    let base = OutputLocation.join(location.parent, ".\(location.name).\(purpose)-\(getpid())")
    for attempt in 0..<1000 {
      let path = attempt == 0 ? base : "\(base).\(attempt)"
      if mkdir(path, 0o777) == 0 { return path }
      guard errno == EEXIST else { throw .system(errno, path: location.typed, "making '\(path)'") }
    }
    throw .failed(path: location.typed, operation: "making '\(base)'", reason: "too many of that name")
  }
}
