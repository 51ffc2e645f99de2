// A JSON reader for headers and recipes of unknown origin. Foundation's readers keep one of two equal keys in silence and turn
// integers into binary64; a file that says two things about one field must be refused, and offsets are exact.

/// A JSON value [RFC8259]; numbers stay text, objects keep their order.
package enum StrictJSON: Hashable, Sendable {
  case null
  case boolean(Bool)
  case number(String)
  case string(String)
  case array([StrictJSON])
  case object([Member])

  package struct Member: Hashable, Sendable {
    package var key: String
    package var value: StrictJSON
  }

  /// What stops the reader.
  package enum Fault: Error, Hashable {
    /// What was expected, and the byte at which something else stands.
    case syntax(expected: String, offset: Int)
    /// A key that stands twice in one object. Keys that differ only in Unicode normalization count as equal: no reader of
    /// a message could tell them apart.
    case duplicateKey(String)
  }

  /// Arrays and objects may nest this deep, as in the reference implementation of safetensors; input cannot exhaust the stack.
  package static let depthLimit = 127

  /// Parses a whole text: one value, with blanks around it.
  ///
  /// - Parameter bytes: valid UTF-8.
  /// - Throws: ``Fault``.
  package init(parsing bytes: UnsafeRawBufferPointer) throws {
    var reader = StrictJSONReader(bytes: bytes)
    self = try reader.value(depth: 0)
    reader.skipBlanks()
    guard reader.position == bytes.count else { throw reader.fault("the end of the text") }
  }

  /// What a message calls the value.
  package var kindName: String {
    switch self {
    case .null: "null"
    case .boolean: "a boolean"
    case .number(let text): "the number \(text.prefix(40))"
    case .string(let text): "the string '\(text.prefix(40))'"
    case .array(let elements): "an array of \(elements.count)"
    case .object: "an object"
    }
  }
}

/// Recursive descent with a bounded depth.
private struct StrictJSONReader {
  let bytes: UnsafeRawBufferPointer
  var position = 0

  func fault(_ expected: String) -> StrictJSON.Fault { .syntax(expected: expected, offset: position) }

  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func value(depth: Int) throws -> StrictJSON {
    skipBlanks()
    guard depth <= StrictJSON.depthLimit else {
      throw fault("at most \(StrictJSON.depthLimit) levels of nesting")
    }
    switch next {
    case UInt8(ascii: "{"): return .object(try members(depth: depth))
    case UInt8(ascii: "["): return .array(try elements(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .number(try number())
    default:
      for (word, value) in [("null", StrictJSON.null), ("true", .boolean(true)), ("false", .boolean(false))]
      where bytes[position...].starts(with: word.utf8) {
        position += word.utf8.count
        return value
      }
      throw fault("a value")
    }
  }

  private mutating func members(depth: Int) throws -> [StrictJSON.Member] {
    var members: [StrictJSON.Member] = []
    var keys: Set<String> = []
    position += 1
    skipBlanks()
    if take("}") { return members }
    while true {
      skipBlanks()
      guard next == UInt8(ascii: "\"") else { throw fault("a key in quotes") }
      let key = try string()
      guard keys.insert(key).inserted else { throw StrictJSON.Fault.duplicateKey(key) }
      skipBlanks()
      guard take(":") else { throw fault("':'") }
      members.append(StrictJSON.Member(key: key, value: try value(depth: depth + 1)))
      skipBlanks()
      if take("}") { return members }
      guard take(",") else { throw fault("',' or '}'") }
    }
  }

  private mutating func elements(depth: Int) throws -> [StrictJSON] {
    var elements: [StrictJSON] = []
    position += 1
    skipBlanks()
    if take("]") { return elements }
    while true {
      elements.append(try value(depth: depth + 1))
      skipBlanks()
      if take("]") { return elements }
      guard take(",") else { throw fault("',' or ']'") }
    }
  }

  private mutating func digits() throws {
    let start = position
    while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
    if position == start { throw fault("a digit") }
  }

  private mutating func number() throws -> String {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func string() throws -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: text, as: UTF8.self)
      case 0..<0x20: throw fault("no control character inside a string")
      case UInt8(ascii: "\\"):
        position += 1
        text.append(contentsOf: String(try escape()).utf8)
      default:
        text.append(byte)
        position += 1
      }
    }
    throw fault("'\"' at the end of a string")
  }

  private mutating func escape() throws -> Unicode.Scalar {
    let plain: [(Unicode.Scalar, Unicode.Scalar)] = [
      ("\"", "\""), ("\\", "\\"), ("/", "/"), ("b", "\u{8}"), ("f", "\u{C}"), ("n", "\n"), ("r", "\r"),
      ("t", "\t"),
    ]
    for (letter, meaning) in plain where take(letter) { return meaning }
    guard take("u") else { throw fault("an escape that JSON has") }
    let unit = try codeUnit()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard unit < 0xDC00, take("\\"), take("u") else { throw fault("the second half of a surrogate pair") }
    let low = try codeUnit()
    guard (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    else { throw fault("the second half of a surrogate pair") }
    return scalar
  }

  private mutating func codeUnit() throws -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw fault("four hexadecimal digits")
      }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }
}

extension String {
  /// The text as a JSON string, escaped as little as JSON allows.
  package var jsonQuoted: String {
    var result = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\0"..<" ":
        let code = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - code.count) + code
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
