import Foundation
import Testing

@testable import DriftReporting

@Suite struct DataPackageTests {
  private let package = DataPackage(
    name: "drift-report", title: "Drift report", summary: "What was measured.", tables: [exampleTable])

  @Test func describesEveryColumn() throws {
    let folder = try TemporaryFolder()
    try package.write(into: folder.path)
    let data = try Data(contentsOf: URL(fileURLWithPath: folder.path("datapackage.json")))
    let read = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(read["profile"] as? String == "tabular-data-package")
    #expect(read["name"] as? String == "drift-report")
    let resource = try #require((read["resources"] as? [[String: Any]])?.first)
    #expect(resource["name"] as? String == "example")
    #expect(resource["path"] as? String == "example.csv")
    #expect(resource["profile"] as? String == "tabular-data-resource")
    #expect(resource["encoding"] as? String == "utf-8")
    let dialect = try #require(resource["dialect"] as? [String: Any])
    #expect(dialect["delimiter"] as? String == ",")
    #expect(dialect["lineTerminator"] as? String == "\n")
    let schema = try #require(resource["schema"] as? [String: Any])
    #expect(schema["missingValues"] as? [String] == [""])
    #expect(schema["primaryKey"] as? [String] == ["recipe", "key"])
    let fields = try #require(schema["fields"] as? [[String: Any]])
    #expect(fields.map { $0["name"] as? String } == exampleTable.schema.columns.map(\.name))
    #expect(fields.map { $0["type"] as? String } == ["string", "integer", "number", "boolean", "string"])
    #expect(fields.map { $0["unit"] as? String } == [nil, "token", "logit", nil, nil])
    #expect(fields[2]["description"] as? String == "The mean. Empty where nothing was counted.")
    #expect((fields[0]["constraints"] as? [String: Any])?["enum"] as? [String] == ["fp32", "hf-bf16"])
    #expect((fields[1]["constraints"] as? [String: Any])?["minimum"] as? Int == 0)
    #expect((fields[1]["constraints"] as? [String: Any])?["required"] as? Bool == true)
    #expect(fields[2]["constraints"] == nil)
  }
}
