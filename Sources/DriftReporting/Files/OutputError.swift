// Everything that can go wrong between a report in memory and a report on disk, each with its mend.

import Foundation

/// A file or folder could not be written.
public enum OutputError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path names no folder that could be made or replaced: empty, `/`, `.`, `..`.
  case notAFolderName(String)
  /// The folder in which the output would be made does not exist.
  case parentMissing(path: String, parent: String)
  /// What should be the parent folder is something else.
  case parentNotAFolder(path: String, parent: String)
  /// There is a file, or anything else but a folder, at the path.
  case notAFolder(String)
  /// There is output already, and it was not asked to be replaced.
  case alreadyExists(String)
  /// The folder to be replaced holds something that no report wrote; `finding` says what.
  case notAReport(path: String, finding: String)
  /// The path names no file that could be made: empty, `/`, `.`, `..`, or ending in a slash.
  case notAFileName(String)
  /// There is a folder, or anything else but a plain file, where a file is to be written.
  case notAFile(String)
  /// The file to be replaced is not one that this command wrote; `finding` says what it is.
  case foreignFile(path: String, finding: String)
  /// Writing there is not permitted, or the file system is read-only.
  case notWritable(path: String, reason: String)
  /// The device or the quota is full.
  case diskFull(path: String)
  /// The process was interrupted, or the folder discarded, before it was complete.
  case discarded(path: String)
  /// Any other failure, with the system's words.
  case failed(path: String, operation: String, reason: String)

  /// Whether the command line is to blame (exit code 64) and not the machine (exit code 1).
  public var isWrongUsage: Bool {
    switch self {
    case .notAFolderName, .parentMissing, .parentNotAFolder, .notAFolder, .alreadyExists, .notAReport,
      .notAFileName, .notAFile, .foreignFile:
      true
    case .notWritable, .diskFull, .discarded, .failed: false
    }
  }

  /// What happened and the mend, in one line.
  public var description: String {
    switch self {
    case .notAFolderName(let path):
      "output '\(path)': not the name of a folder to write; give a new name, such as out/report"
    case .parentMissing(let path, let parent):
      "output '\(path)': the folder '\(parent)' does not exist; make it first (mkdir -p '\(parent)')"
    case .parentNotAFolder(let path, let parent):
      "output '\(path)': '\(parent)' is not a folder"
    case .notAFolder(let path):
      "output '\(path)': something that is not a folder is there; choose another name"
    case .alreadyExists(let path):
      "output '\(path)' exists already; choose another name, or replace it with --force"
    case .notAReport(let path, let finding):
      "output '\(path)': not replaced, because it is not just a report: \(finding); choose another name"
    case .notAFileName(let path):
      "output '\(path)': not the name of a file to write; give a new name, such as out/emulated.safetensors"
    case .notAFile(let path):
      "output '\(path)': something that is not a plain file is there; choose another name"
    case .foreignFile(let path, let finding):
      "output '\(path)': not replaced, because \(finding); choose another name"
    case .notWritable(let path, let reason):
      "output '\(path)': cannot be written (\(reason)); choose a folder that you may write to"
    case .diskFull(let path):
      "output '\(path)': no space is left on the device; free some, or write to another one"
    case .discarded(let path):
      "output '\(path)': the run was interrupted, nothing is left of it"
    case .failed(let path, let operation, let reason):
      "output '\(path)': \(operation) failed: \(reason)"
    }
  }

  /// The error for a system call that failed with `code`.
  static func system(_ code: Int32, path: String, _ operation: String) -> OutputError {
    let reason = String(cString: strerror(code))
    switch code {
    case ENOSPC, EDQUOT: return .diskFull(path: path)
    case EACCES, EPERM, EROFS: return .notWritable(path: path, reason: reason)
    default: return .failed(path: path, operation: operation, reason: reason)
    }
  }
}
