// Small files of text that a flag names where it may also hold a name: documents, positions.

import Foundation

/// A small file that a flag names.
enum TextFile {
  private static let pieceSize = 1 << 16

  /// Its bytes. A pipe is read to its end, so that a shell may put one in a file's place.
  ///
  /// - Parameters:
  ///   - path: as typed.
  ///   - what: what it holds, for messages.
  ///   - otherwise: what could have been typed instead of a file.
  /// - Throws: ``CommandFailure``. Wrong usage where there is no such file: the word may be a name of a policy or a generator, misspelt, and
  ///   nothing tells one from the other. What is there and is a folder, cannot be read or begins with a byte order mark is a failure.
  static func bytes(at path: String, holding what: String, otherwise: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else {
      // A word longer than any name of a file is none either.
      guard ![ENOENT, ENOTDIR, ENAMETOOLONG].contains(errno) else {
        throw CommandFailure(
          .wrongUsage, "there is no file '\(path)' of \(what); name one, \(otherwise)")
      }
      throw refusal(path, what, code: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw refusal(path, what, code: errno) }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw CommandFailure(
        .failed, "\(path): expected a file of \(what), found a folder; name the file inside it")
    }
    let bytes = try contents(of: descriptor) { refusal(path, what, code: $0) }
    // No reader of JSON here takes one [RFC8259], and a position is no integer behind it.
    guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
      throw CommandFailure(
        .failed, "\(path): the file of \(what) begins with a byte order mark; save it as UTF-8 without one")
    }
    return bytes
  }

  private static func contents(of descriptor: Int32, orThrow failure: (Int32) -> CommandFailure) throws
    -> [UInt8]
  {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: pieceSize)
    while true {
      let count = read(descriptor, &piece, pieceSize)
      if count < 0 {
        guard errno == EINTR else { throw failure(errno) }
        continue
      }
      if count == 0 { return bytes }
      bytes += piece[..<count]
    }
  }

  private static func refusal(_ path: String, _ what: String, code: Int32) -> CommandFailure {
    CommandFailure(
      .failed,
      "\(path): \(what) cannot be read (\(String(cString: strerror(code)))); check the file and its permissions"
    )
  }
}
