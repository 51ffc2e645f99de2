// The end of every command that writes a folder.

import RoPEDrift

extension StagedFolder {
  /// Moves the folder into place, and says where an earlier one is that could not be removed.
  ///
  /// - Throws: ``OutputError``.
  func commit(noting console: Console) throws {
    if let left = try commit() {
      console.note("the report that was replaced could not be removed and is now at \(left)")
    }
  }
}
