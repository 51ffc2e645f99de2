// datapackage.json: tells a reader, and a reader's tools, what every column of a report means.

/// The description of a report folder as a Frictionless Data Package [DataPackage, TableSchema].
public struct DataPackage: Sendable, Hashable {
  /// The name of the file inside the folder.
  public static let fileName = "datapackage.json"

  /// The name of the package: lower-case letters, digits, `-`, `_` and `.`.
  public let name: String
  /// A heading.
  public let title: String
  /// What the folder holds, in a few sentences.
  public let summary: String
  /// The tables, each in its own CSV file.
  public let tables: [TableDescription]
  /// Paths inside the folder of files that are no tables, such as a page and its pictures.
  public var otherFiles: [String] = []

  /// The member of `datapackage.json` that lists ``otherFiles``: not a part of the standard, which allows further members.
  static let otherFilesKey = "ropedrift_files"

  /// Describes a folder.
  ///
  /// - Precondition: `name` is made of the characters allowed; the tables have distinct names.
  public init(name: String, title: String, summary: String, tables: [TableDescription]) {
    precondition(
      !name.isEmpty && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-_.".utf8.contains($0) },
      "package name '\(name)' may hold lower-case letters, digits, '-', '_' and '.' only")
    precondition(Set(tables.map(\.name)).count == tables.count, "two tables have the same name")
    self.name = name
    self.title = title
    self.summary = summary
    self.tables = tables
  }

  /// The whole description.
  public var json: JSONValue {
    var package: JSONObject = [
      "profile": "tabular-data-package",
      "name": .string(name),
      "title": .string(title),
      "description": .string(summary),
      "resources": .array(tables.map(Self.resource)),
    ]
    if !otherFiles.isEmpty { package[Self.otherFilesKey] = .array(otherFiles.map(JSONValue.string)) }
    return .object(package)
  }

  /// Writes `datapackage.json` into `folder`.
  ///
  /// - Throws: ``OutputError``.
  public func write(into folder: String) throws(OutputError) {
    try JSONText.write(json, creating: folder + "/" + Self.fileName)
  }

  private static func resource(_ table: TableDescription) -> JSONValue {
    [
      "profile": "tabular-data-resource",
      "name": .string(table.name),
      "path": .string(table.fileName),
      "title": .string(table.title),
      "description": .string(table.summary),
      "format": "csv",
      "mediatype": "text/csv",
      "encoding": "utf-8",
      "dialect": [
        "delimiter": ",",
        "lineTerminator": "\n",
        "quoteChar": "\"",
        "doubleQuote": true,
        "skipInitialSpace": false,
        "header": true,
      ],
      "schema": [
        "fields": .array(table.schema.columns.map(Self.field)),
        "missingValues": [""],
        "primaryKey": .array(table.schema.primaryKey.map(JSONValue.string)),
      ],
    ]
  }

  private static func field(_ column: ColumnDescription) -> JSONValue {
    var meaning = column.meaning
    if let clause = column.emptyWhere { meaning += " Empty where \(clause)." }
    var field: JSONObject = [
      "name": .string(column.name), "type": .string(column.type.rawValue), "description": .string(meaning),
    ]
    if let unit = column.unit { field["unit"] = .string(unit) }
    var constraints = JSONObject()
    if column.emptyWhere == nil { constraints["required"] = true }
    if let minimum = column.minimum { constraints["minimum"] = .integer(minimum) }
    if !column.allowedValues.isEmpty {
      constraints["enum"] = .array(column.allowedValues.map(JSONValue.string))
    }
    if !constraints.members.isEmpty { field["constraints"] = .object(constraints) }
    return .object(field)
  }
}
