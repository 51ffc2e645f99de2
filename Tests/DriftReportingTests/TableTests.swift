import Testing

@testable import DriftReporting

@Suite struct TableTests {
  private let good: [Cell] = ["fp32", 0, 0.5, true, .missing]

  @Test func acceptsRowsThatFit() throws {
    let table = try Table(
      exampleTable, rows: [good, ["fp32", 1, .missing, false, "a"], ["hf-bf16", 0, 1.0, true, ""]])
    #expect(table.rows.count == 3)
  }

  @Test func refusesTheWrongNumberOfCells() {
    #expect(throws: TableError.wrongCellCount(table: "example", row: 1, expected: 5, found: 4)) {
      try Table(exampleTable, rows: [good, Array(good.dropLast())])
    }
  }

  @Test(
    arguments: [
      (0, .missing, "is empty, which this column does not allow"),
      (0, "", "is an empty text, which this column does not allow"),
      (0, "fp31", "is 'fp31', not a listed value"),
      (0, 1, "is of type integer, not string"),
      (1, -1, "is -1, below the minimum"),
      (1, 1.0, "is of type number, not integer"),
      (2, 1, "is of type integer, not number"),
      (3, "true", "is of type string, not boolean"),
    ] as [(Int, Cell, String)])
  func refusesCellsThatDoNotFit(column: Int, cell: Cell, objection: String) {
    var row = good
    row[column] = cell
    let name = exampleTable.schema.columns[column].name
    #expect(throws: TableError.unfitCell(table: "example", row: 0, column: name, objection: objection)) {
      try Table(exampleTable, rows: [row])
    }
  }

  @Test func refusesARepeatedKey() {
    #expect(throws: TableError.repeatedKey(table: "example", row: 2, firstRow: 0)) {
      try Table(
        exampleTable, rows: [good, ["fp32", 1, 0.0, true, .missing], ["fp32", 0, 2.0, true, .missing]])
    }
  }

  @Test func findsDefectsOfASchema() {
    let a = ColumnDescription("a", .integer, meaning: "A.")
    let b = ColumnDescription("b", .integer, meaning: "B.", emptyWhere: "b is not there")
    #expect(TableSchema.defect(columns: [a, b], primaryKey: ["a"]) == nil)
    #expect(TableSchema.defect(columns: [], primaryKey: []) != nil)
    #expect(TableSchema.defect(columns: [a, a], primaryKey: []) != nil)
    #expect(TableSchema.defect(columns: [a], primaryKey: ["a", "a"]) != nil)
    #expect(TableSchema.defect(columns: [a], primaryKey: ["c"]) != nil)
    #expect(TableSchema.defect(columns: [a, b], primaryKey: ["b"]) != nil)
  }

  @Test(arguments: [
    ("a_1", true), ("a", true), ("", false), ("A", false), ("a__b", false), ("a_", false), ("1a", false),
    ("ä", false),
  ])
  func knowsSnakeCase(name: String, isSnakeCase: Bool) {
    #expect(ColumnDescription.isSnakeCase(name) == isSnakeCase)
  }
}
