import Foundation
import Testing

@testable import DriftReporting

@Suite struct JSONTextTests {
  private let example: JSONValue = [
    "zeta": 1, "alpha": [1.0, "two", nil, true], "empty": [:], "none": [], "nested": ["b": -0.0, "a": false],
  ]

  @Test func keepsTheOrderOfKeysWhenCompact() {
    #expect(
      JSONText.text(of: example, .compact)
        == #"{"zeta":1,"alpha":[1.0,"two",null,true],"empty":{},"none":[],"nested":{"b":-0.0,"a":false}}"#)
  }

  @Test func indentsByTwoSpacesWhenPretty() {
    #expect(
      JSONText.text(of: example)
        == """
        {
          "zeta": 1,
          "alpha": [
            1.0,
            "two",
            null,
            true
          ],
          "empty": {},
          "none": [],
          "nested": {
            "b": -0.0,
            "a": false
          }
        }
        """)
  }

  @Test(
    arguments: [
      (.number(.nan), "\"NaN\""), (.number(.infinity), "\"INF\""), (.number(-.infinity), "\"-INF\""),
      (.integer(.max), "9223372036854775807"), (.integer(.min), "-9223372036854775808"),
      (.number(1e-5), "1e-05"),
      (
        .string("a\"b\\c/\n\r\t\u{8}\u{C}\u{0}\u{1F}\u{7F}é🙂\u{2028}"),
        "\"a\\\"b\\\\c/\\n\\r\\t\\b\\f\\u0000\\u001f\u{7F}é🙂\u{2028}\""
      ),
      (JSONValue(Cell.missing), "null"),
    ] as [(JSONValue, String)])
  func spellsScalars(value: JSONValue, text: String) {
    #expect(JSONText.text(of: value).utf8.elementsEqual(text.utf8))
  }

  @Test func everyScalarBelow256ReadsBack() throws {
    let all = String(String.UnicodeScalarView((0..<256).map { UnicodeScalar(UInt8($0)) }))
    let data = Data(JSONText.text(of: [.string(all)]).utf8)
    let read = try #require(try JSONSerialization.jsonObject(with: data) as? [String])
    #expect(read[0].unicodeScalars.elementsEqual(all.unicodeScalars))
  }

  @Test func randomDoublesReadBackTheSame() throws {
    var generator = SeededGenerator(state: 21)
    let values = (0..<2000).map { _ in Double(bitPattern: generator.next()) }.filter(\.isFinite)
    let text = JSONText.text(of: .array(values.map(JSONValue.number)), .compact)
    let read = text.dropFirst().dropLast().split(separator: ",").map { strtod(String($0), nil) }
    #expect(read.map(\.bitPattern) == values.map(\.bitPattern))
    #expect((try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [Any])?.count == values.count)
  }

  @Test func membersAreSetReplacedAndRemovedInPlace() {
    var object: JSONObject = ["a": 1, "b": 2]
    object["a"] = 3
    object["c"] = 4
    object["b"] = nil
    #expect(JSONText.text(of: .object(object), .compact) == #"{"a":3,"c":4}"#)
    #expect(object["a"] == 3)
    #expect(object["b"] == nil)
  }

  @Test func theFileEndsWithALineBreak() throws {
    let folder = try TemporaryFolder()
    try JSONText.write(["a": 1], creating: folder.path("a.json"), .compact)
    #expect(try folder.text("a.json") == "{\"a\":1}\n")
  }
}
