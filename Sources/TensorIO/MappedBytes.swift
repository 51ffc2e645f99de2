// A file's bytes without copying them: captured tensors run to gigabytes, and a report reads one head at a time.

import Foundation

/// The bytes of a file, mapped; or bytes in memory, for standard input and tests.
///
/// The file must not be shortened while it is mapped: reading past its new end ends the process.
final class MappedBytes: @unchecked Sendable {
  // Sendable: the bytes are never written and stay valid until deinit.
  private let buffer: UnsafeRawBufferPointer
  private let isMapped: Bool

  var count: Int { buffer.count }

  /// Maps a regular file.
  ///
  /// - Throws: ``TensorFileError`` of kind missingFile, isDirectory or unreadable.
  init(path: String) throws {
    let descriptor = Foundation.open(path, O_RDONLY | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.cannotOpen(path, code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.cannotOpen(path, code: errno) }
    let type = status.st_mode & S_IFMT
    if type == S_IFDIR { throw Self.isDirectory(path) }
    guard type == S_IFREG else {
      throw TensorFileError(
        .unreadable, file: path, expected: "a regular file", found: "a pipe, socket or device",
        mend: "copy its content to a file first, or give '-' to read standard input")
    }
    guard let size = Int(exactly: status.st_size), size > 0 else {
      buffer = UnsafeRawBufferPointer(start: nil, count: 0)
      isMapped = false
      return
    }
    guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw Self.cannotOpen(path, code: errno)
    }
    buffer = UnsafeRawBufferPointer(start: start, count: size)
    isMapped = true
  }

  /// Keeps a copy of bytes.
  init(_ bytes: some Collection<UInt8>) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    copy.copyBytes(from: bytes)
    buffer = UnsafeRawBufferPointer(copy)
    isMapped = false
  }

  deinit {
    if isMapped {
      munmap(UnsafeMutableRawPointer(mutating: buffer.baseAddress!), buffer.count)
    } else {
      buffer.deallocate()
    }
  }

  /// Calls `body` with the bytes, which are valid during the call only.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(buffer) }
  }

  static func isDirectory(_ path: String) -> TensorFileError {
    TensorFileError(
      .isDirectory, file: path, expected: "a file", found: "a folder", mend: "name the file inside it")
  }

  private static func cannotOpen(_ name: String, code: Int32) -> TensorFileError {
    let path = name.isEmpty ? "''" : name
    return switch code {
    case ENOENT, ENOTDIR:
      TensorFileError(
        .missingFile, file: path, expected: "a file", found: "none of that name",
        mend: "check the spelling and the folder that the command runs in")
    case EISDIR: isDirectory(path)
    default:
      TensorFileError(
        .unreadable, file: path, expected: "a readable file",
        found: "the system's refusal (\(String(cString: strerror(code))))", mend: "check its permissions")
    }
  }
}
