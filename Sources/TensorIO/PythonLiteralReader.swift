// The header of an NPY file is Python source. This reads the few literals that NumPy writes there and evaluates nothing.

/// Reads `{'key': value, …}` with strings, True, False, and tuples of integers as values.
struct PythonLiteralReader {
  enum Value {
    case text(String)
    case boolean(Bool)
    case tuple([Int])

    var kindName: String {
      switch self {
      case .text(let text): "the string '\(text.prefix(40))'"
      case .boolean(let value): value ? "True" : "False"
      case .tuple(let extents): "a tuple of \(extents.count)"
      }
    }
  }

  private let text: [Unicode.Scalar]
  private let file: String
  private var position = 0

  init(text: [Unicode.Scalar], file: String) {
    self.text = text
    self.file = file
  }

  private func fault(_ expected: String) -> TensorFileError {
    TensorFileError(
      .headerSyntax, file: file, expected: "\(expected) at character \(position) of the NPY header",
      found: position < text.count ? "'\(text[position])'" : "the header's end",
      mend: "save a plain array (no structured type) with numpy.save")
  }

  private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

  private mutating func skipBlanks() {
    while next == " " || next == "\n" || next == "\t" || next == "\r" { position += 1 }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard next == scalar else { return false }
    position += 1
    return true
  }

  mutating func dictionary() throws -> [String: Value] {
    var fields: [String: Value] = [:]
    guard take("{") else { throw fault("'{'") }
    while !take("}") {
      let key = try quoted()
      guard take(":") else { throw fault("':'") }
      guard fields.updateValue(try value(), forKey: key) == nil else {
        throw TensorFileError(
          .duplicateKey, file: file, expected: "every key once", found: "'\(key.prefix(40))' twice",
          mend: "save the array again with numpy.save")
      }
      if take(",") { continue }
      guard take("}") else { throw fault("',' or '}'") }
      break
    }
    skipBlanks()
    guard position == text.count else { throw fault("nothing after '}' but blanks") }
    return fields
  }

  private mutating func value() throws -> Value {
    skipBlanks()
    for (word, value) in [("True", true), ("False", false)]
    where text[position...].starts(with: word.unicodeScalars) {
      position += word.count
      return .boolean(value)
    }
    guard take("(") else { return .text(try quoted()) }
    var extents: [Int] = []
    while !take(")") {
      extents.append(try integer())
      if take(",") { continue }
      guard extents.count > 1, take(")") else { throw fault("','") }
      break
    }
    return .tuple(extents)
  }

  private mutating func quoted() throws -> String {
    guard let quote: Unicode.Scalar = take("'") ? "'" : take("\"") ? "\"" : nil else {
      throw fault("a string in quotes")
    }
    var result = String.UnicodeScalarView()
    while let scalar = next, scalar != quote {
      guard scalar != "\\", scalar.value >= 0x20 else { throw fault("a string without escapes") }
      result.append(scalar)
      position += 1
    }
    guard take(quote) else { throw fault("the closing quote") }
    return String(result)
  }

  private mutating func integer() throws -> Int {
    skipBlanks()
    let start = position
    while let scalar = next, ("0"..."9").contains(scalar) { position += 1 }
    let digits = String(String.UnicodeScalarView(text[start..<position]))
    guard !digits.isEmpty else { throw fault("a non-negative integer") }
    guard let value = Int(digits) else {
      throw TensorFileError(
        .invalidNumber, file: file, expected: "extents up to \(Int.max)", found: String(digits.prefix(40)),
        mend: "save the array again with numpy.save")
    }
    return value
  }
}
