// JSON text from a JSONValue: the same value gives the same bytes everywhere.

import StrictJSON

/// Writes a ``JSONValue`` as text [RFC8259].
public enum JSONText {
  /// How the text is laid out.
  public enum Layout: Sendable, Hashable {
    /// One line without spaces.
    case compact
    /// One member or element a line, indented by two spaces a level; empty arrays and objects as `[]` and `{}`.
    case pretty
  }

  /// The text of a value, without a line break at the end.
  ///
  /// Numbers are spelled by ``DecimalText/shortest(_:)``, non-finite ones as strings. In strings only the quote, the backslash
  /// and the control characters below U+0020 are escaped.
  public static func text(of value: JSONValue, _ layout: Layout = .pretty) -> String {
    var text = ""
    append(value, to: &text, layout, depth: 0)
    return text
  }

  /// Writes a value and a line break to a new file at `path`, and puts it on the device.
  ///
  /// - Throws: ``OutputError``.
  public static func write(
    _ value: JSONValue, creating path: String, _ layout: Layout = .pretty
  ) throws(OutputError) {
    var file = try BufferedFile(creating: path)
    try file.write(text(of: value, layout))
    try file.write("\n")
    try file.finish()
  }

  private static func append(_ value: JSONValue, to text: inout String, _ layout: Layout, depth: Int) {
    switch value {
    case .null: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .integer(let value): text += value.description
    case .number(let value):
      let decimal = DecimalText.shortest(value)
      text += value.isFinite ? decimal : "\"\(decimal)\""
    case .string(let value): text += value.jsonQuoted
    case .array(let elements):
      appendList(elements, between: ("[", "]"), to: &text, layout, depth) { element, text in
        append(element, to: &text, layout, depth: depth + 1)
      }
    case .object(let object):
      appendList(object.members, between: ("{", "}"), to: &text, layout, depth) { member, text in
        text += member.name.jsonQuoted
        text += layout == .pretty ? ": " : ":"
        append(member.value, to: &text, layout, depth: depth + 1)
      }
    }
  }

  private static func appendList<Element>(
    _ elements: [Element], between brackets: (String, String), to text: inout String, _ layout: Layout,
    _ depth: Int, _ appendElement: (Element, inout String) -> Void
  ) {
    func breakLine(_ depth: Int) {
      guard layout == .pretty else { return }
      text += "\n"
      for _ in 0..<depth { text += "  " }
    }
    text += brackets.0
    for (index, element) in elements.enumerated() {
      if index > 0 { text += "," }
      breakLine(depth + 1)
      appendElement(element, &text)
    }
    if !elements.isEmpty { breakLine(depth) }
    text += brackets.1
  }
}
