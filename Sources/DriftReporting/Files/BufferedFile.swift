// Files are written through a small buffer of our own, because Foundation either builds the whole content in memory or
// does not report a full disk as an error that can be told from others.

import Foundation

/// A file that is written from its beginning to its end, in pieces.
///
/// Nothing counts as written before ``finish()`` has returned. Dropping the value closes the file and leaves what it holds.
public struct BufferedFile: ~Copyable, Sendable {
  /// The path, as errors name it.
  public let path: String
  private var descriptor: Int32
  private let closesDescriptor: Bool
  private var buffer: [UInt8] = []
  /// The first failure to write, after which every further call fails alike.
  private var failure: OutputError?

  /// Bytes gathered before they are handed to the system.
  static let capacity = 1 << 16

  /// Makes the file, or empties the one that is there.
  ///
  /// - Throws: ``OutputError``.
  public init(creating path: String) throws(OutputError) {
    var opened: Int32
    repeat {
      opened = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    } while opened < 0 && errno == EINTR
    guard opened >= 0 else { throw .system(errno, path: path, "making the file") }
    if opened <= STDERR_FILENO {
      // Where the process was started with stderr closed, a file would take its number, and messages would land in it.
      let low = opened
      opened = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
      let code = errno
      _ = close(low)
      guard opened >= 0 else { throw .system(code, path: path, "making the file") }
    }
    self.init(path: path, descriptor: opened, closes: true)
  }

  /// Writes to a descriptor that somebody else opened and closes, such as standard output.
  public init(borrowing descriptor: Int32, named name: String) {
    self.init(path: name, descriptor: descriptor, closes: false)
  }

  private init(path: String, descriptor: Int32, closes: Bool) {
    self.path = path
    self.descriptor = descriptor
    self.closesDescriptor = closes
    buffer.reserveCapacity(Self.capacity)
  }

  deinit {
    if closesDescriptor, descriptor >= 0 { _ = close(descriptor) }
  }

  /// Appends text as UTF-8.
  ///
  /// - Throws: ``OutputError``, of this text or of an earlier one.
  public mutating func write(_ text: String) throws(OutputError) {
    buffer.append(contentsOf: text.utf8)
    if buffer.count >= Self.capacity { try flush() }
  }

  /// Appends bytes as they are.
  ///
  /// - Throws: ``OutputError``, of these bytes or of earlier ones.
  public mutating func write(bytes: [UInt8]) throws(OutputError) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.capacity { try flush() }
  }

  /// Appends one byte.
  mutating func write(byte: UInt8) throws(OutputError) {
    buffer.append(byte)
    if buffer.count >= Self.capacity { try flush() }
  }

  /// Hands everything to the system, has it put on the device where that is possible, and closes the file.
  ///
  /// - Throws: ``OutputError``, of this call or of an earlier one.
  public mutating func finish() throws(OutputError) {
    guard descriptor >= 0 else { return }
    try flush()
    guard closesDescriptor else { return }
    // Pipes and devices such as /dev/null cannot be synchronised; that is no failure.
    if fsync(descriptor) != 0, errno != EINVAL, errno != ENOTSUP {
      throw .system(errno, path: path, "putting the file on the device")
    }
    let closing = descriptor
    descriptor = -1
    // Network file systems report a full disk here. An interrupted close has closed the file on Linux and macOS.
    if close(closing) != 0, errno != EINTR { throw .system(errno, path: path, "closing the file") }
  }

  private mutating func flush() throws(OutputError) {
    if let failure { throw failure }
    precondition(descriptor >= 0, "written to after finish()")
    var code: Int32 = 0
    buffer.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count, code == 0 {
        let written = systemWrite(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
        if written >= 0 {
          offset += written
        } else if errno != EINTR {
          code = errno
        }
      }
    }
    buffer.removeAll(keepingCapacity: true)
    if code != 0 {
      let error = OutputError.system(code, path: path, "writing")
      failure = error
      throw error
    }
  }
}

/// write(2), which methods of the same name hide.
func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
