// The report that continuous integration reads: JUnit XML, one test case a tensor (or limit) and rule. No times and no host names, so
// that the same check gives the same bytes.

/// Test cases as JUnit XML.
public struct JUnitReport: Sendable, Hashable {
  /// How a case ended.
  public enum Outcome: Sendable, Hashable {
    /// The rule holds.
    case passed
    /// The rule is broken: one line, and the text below it.
    case failed(message: String, text: String)
    /// Not asked, or not decisive.
    case skipped(message: String)
  }

  /// One case.
  public struct Case: Sendable, Hashable {
    /// What is tested: a tensor, a layer.
    public let group: String
    /// The rule.
    public let name: String
    /// How it ended.
    public let outcome: Outcome

    /// A case from its parts.
    public init(group: String, name: String, outcome: Outcome) {
      self.group = group
      self.name = name
      self.outcome = outcome
    }
  }

  /// The suite's name.
  public let suite: String
  /// What the run was made of, as names and values.
  public let properties: [(name: String, value: String)]
  /// The cases in order.
  public let cases: [Case]

  /// A report from its parts.
  public init(suite: String, properties: [(name: String, value: String)], cases: [Case]) {
    self.suite = suite
    self.properties = properties
    self.cases = cases
  }

  /// Whether suites, properties and cases are equal.
  public static func == (a: JUnitReport, b: JUnitReport) -> Bool { a.xml == b.xml }

  /// Hashes the text.
  public func hash(into hasher: inout Hasher) { hasher.combine(xml) }

  /// The document, UTF-8, ended by a line break. Characters that XML 1.0 cannot hold stand as `\u{…}`.
  public var xml: String {
    var failures = 0
    var skipped = 0
    for test in cases {
      switch test.outcome {
      case .passed: break
      case .failed: failures += 1
      case .skipped: skipped += 1
      }
    }
    let counts = "tests=\"\(cases.count)\" failures=\"\(failures)\" errors=\"0\" skipped=\"\(skipped)\""
    var lines = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<testsuites \(counts)>",
      "  <testsuite name=\"\(Self.escaped(suite))\" \(counts)>",
    ]
    if !properties.isEmpty {
      lines.append("    <properties>")
      lines += properties.map {
        "      <property name=\"\(Self.escaped($0.name))\" value=\"\(Self.escaped($0.value))\"/>"
      }
      lines.append("    </properties>")
    }
    for test in cases {
      let head = "    <testcase classname=\"\(Self.escaped(test.group))\" name=\"\(Self.escaped(test.name))\""
      switch test.outcome {
      case .passed: lines.append(head + "/>")
      case .failed(let message, let text):
        lines += [
          head + ">",
          "      <failure message=\"\(Self.escaped(message))\">\(Self.escaped(text, inText: true))</failure>",
          "    </testcase>",
        ]
      case .skipped(let message):
        lines += [head + ">", "      <skipped message=\"\(Self.escaped(message))\"/>", "    </testcase>"]
      }
    }
    lines += ["  </testsuite>", "</testsuites>"]
    return lines.joined(separator: "\n") + "\n"
  }

  /// A text as XML 1.0 [XML10] has it, in an attribute or (`inText`) as character data. Line breaks and tabs of attributes are
  /// character references, because readers turn them into blanks otherwise.
  static func escaped(_ text: String, inText: Bool = false) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n", "\t": result += inText ? String(scalar) : "&#\(scalar.value);"
      case "\r": result += "&#13;"
      default:
        let isAllowed =
          scalar.value >= 0x20 && scalar.value <= 0xD7FF || (0xE000...0xFFFD).contains(scalar.value)
          || scalar.value >= 0x10000
        result += isAllowed ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return result
  }
}
