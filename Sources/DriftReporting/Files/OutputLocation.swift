// The checks on an output path, made before any work starts so that a long run does not end in a refusal.

import Foundation

/// A place for a folder that may be made, or replaced where that was asked for.
public struct OutputLocation: Sendable, Hashable {
  /// The path as it was typed, for messages.
  public let typed: String
  /// The path of the parent folder.
  public let parent: String
  /// The name inside the parent folder.
  public let name: String
  /// Whether a report that is there already is to be replaced.
  public let replaces: Bool

  /// The path of the folder; where a symbolic link was named, of the folder that it leads to.
  public var path: String { Self.join(parent, name) }

  /// Checks a path: it names a folder; the folder it would stand in exists and can be written to; nothing is there, or
  /// with `replacing` a report and nothing else, or an empty folder.
  ///
  /// A folder is a report if it holds `run.json` and `datapackage.json` and, beside them, only the files that its
  /// `datapackage.json` lists, in it or in folders of it, and those in ``ownFiles``.
  ///
  /// - Throws: ``OutputError``.
  public init(checking typed: String, replacing: Bool) throws(OutputError) {
    self.typed = typed
    self.replaces = replacing
    var path = typed
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    let destination = try DestinationPath(
      resolving: path, typed: typed, brokenLink: .notAFolder(typed), noName: .notAFolderName(typed))
    (parent, name) = (destination.parent, destination.name)
    try checkDestination()
    try destination.checkParentIsWritable(typed: typed)
  }

  /// Files that a report may hold beside those that its `datapackage.json` lists. (`.DS_Store` is what macOS leaves where a
  /// folder was looked at.)
  public static let ownFiles: Set<String> = ["run.json", DataPackage.fileName, "report.html", ".DS_Store"]

  /// What is at the destination now, held against what may be replaced.
  ///
  /// - Returns: whether there is a folder to move aside.
  @discardableResult func checkDestination() throws(OutputError) -> Bool {
    switch FileKind(atLink: path) {
    case nil: return false
    case .folder: break
    default: throw .notAFolder(typed)
    }
    guard replaces else { throw .alreadyExists(typed) }
    let entries: [String]
    do {
      entries = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw .notWritable(path: typed, reason: "the folder that is there cannot be read")
    }
    if let finding = finding(in: entries) { throw .notAReport(path: typed, finding: finding) }
    return true
  }

  /// What shows that the folder is not just a report, or nil.
  private func finding(in entries: [String]) -> String? {
    if entries.isEmpty { return nil }
    for needed in ["run.json", DataPackage.fileName] where !entries.contains(needed) {
      return "it holds no \(needed)"
    }
    return finding(in: entries, of: nil, known: Self.ownFiles.union(listedFiles()))
  }

  /// The same for the entries of the folder or of one inside it. A folder is known where a file in it is.
  private func finding(in entries: [String], of inner: String?, known: Set<String>) -> String? {
    for entry in entries {
      let name = inner.map { Self.join($0, entry) } ?? entry
      let place = Self.join(path, name)
      if known.contains(name) {
        if FileKind(atLink: place) != .file { return "'\(name)' in it is not a plain file" }
        continue
      }
      guard inner == nil, known.contains(where: { $0.hasPrefix(entry + "/") }),
        FileKind(atLink: place) == .folder
      else { return "it holds '\(name)', which no report wrote" }
      guard let inside = try? FileManager.default.contentsOfDirectory(atPath: place).sorted() else {
        return "the folder '\(name)' in it cannot be read"
      }
      if let finding = finding(in: inside.filter { $0 != ".DS_Store" }, of: name, known: known) {
        return finding
      }
    }
    return nil
  }

  /// The files that the folder's own `datapackage.json` lists.
  private func listedFiles() -> [String] {
    guard let data = FileManager.default.contents(atPath: Self.join(path, DataPackage.fileName)),
      let package = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let resources = package["resources"] as? [[String: Any]]
    else { return [] }
    return resources.compactMap { $0["path"] as? String }
      + (package[DataPackage.otherFilesKey] as? [String] ?? [])
  }

  static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }
}

/// What there is at a path.
enum FileKind: Equatable {
  case file, folder, symbolicLink, other

  /// What the path leads to, links followed; nil for nothing.
  init?(at path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(mode: status.st_mode)
  }

  /// What is at the path itself; nil for nothing.
  init?(atLink path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.init(mode: status.st_mode)
  }

  private init(mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    case S_IFLNK: self = .symbolicLink
    default: self = .other
    }
  }
}
