// Where a typed path leads, for a file as for a folder: what is written is written beside it and moved there.

import Foundation

/// The folder that holds a destination, and the destination's name in it.
struct DestinationPath: Sendable {
  /// The folder, which exists.
  let parent: String
  /// The name in it.
  let name: String

  /// Follows a symbolic link at the path and takes the result apart.
  ///
  /// - Parameters:
  ///   - path: what is to be written.
  ///   - typed: the path as the user typed it, for messages.
  ///   - brokenLink: the error where the link leads nowhere.
  ///   - noName: the error where the path ends in no name.
  /// - Throws: one of the two, ``OutputError/parentMissing(path:parent:)``, ``OutputError/parentNotAFolder(path:parent:)``.
  init(
    resolving path: String, typed: String, brokenLink: OutputError, noName: OutputError
  ) throws(OutputError) {
    var resolved = path
    if FileKind(atLink: resolved) == .symbolicLink {
      guard let target = realpath(resolved, nil) else { throw brokenLink }
      defer { free(target) }
      resolved = String(cString: target)
    }
    let slash = resolved.lastIndex(of: "/")
    name = slash.map { String(resolved[resolved.index(after: $0)...]) } ?? resolved
    parent = slash.map { $0 == resolved.startIndex ? "/" : String(resolved[..<$0]) } ?? "."
    guard !["", ".", ".."].contains(name), !name.utf8.contains(0) else { throw noName }
    switch FileKind(at: parent) {
    case nil: throw .parentMissing(path: typed, parent: parent)
    case .folder: break
    default: throw .parentNotAFolder(path: typed, parent: parent)
    }
  }

  /// - Throws: ``OutputError`` where nothing can be made in the parent.
  func checkParentIsWritable(typed: String) throws(OutputError) {
    guard access(parent, W_OK | X_OK) == 0 else {
      throw .system(errno, path: typed, "writing to '\(parent)'")
    }
  }
}
