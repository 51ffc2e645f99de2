// Documentation/Performance.md: rows of one or more runs, and next to a missed target the text that explains it.

/// A document about performance, made from records alone.
public struct PerformanceDocument {
  private let records: [BenchmarkRecord]
  private let explanation: (String) -> String?

  /// A document.
  ///
  /// - Parameters:
  ///   - records: runs; a row of a later one replaces the row of that name of an earlier one.
  ///   - explanation: the committed text about a row, by its identifier; nil where there is none.
  public init(_ records: [BenchmarkRecord], explanation: @escaping (String) -> String?) {
    self.records = records
    self.explanation = explanation
  }

  /// The rows that the document shows, each with the run that measured it, in the order of first appearance.
  public var rows: [(run: Int, row: MeasuredRow)] {
    var order: [String] = []
    var latest: [String: (run: Int, row: MeasuredRow)] = [:]
    for (run, record) in records.enumerated() {
      for row in record.rows {
        if latest.updateValue((run, row), forKey: row.identifier) == nil { order.append(row.identifier) }
      }
    }
    return order.map { latest[$0]! }
  }

  /// The text, from title to last newline.
  public func markdown() -> String {
    let rows = rows
    let used = records.indices.filter { run in
      rows.contains { $0.run == run } || !records[run].growth.isEmpty
    }
    var text = """
      # Performance

      Written by `make bench`; do not edit. Each figure is a ratio to a yardstick that ran in the same process and in the same
      rounds, or says that it is none. Given are the median of all rounds, the quartiles and the extremes. Times are processor
      times of one thread (user and system), so that what else the machine did counts as little as it can; rows that say "wall"
      are the exception. Yardsticks run on one thread.


      """
    for run in used { text += heading(run, isOnly: used.count == 1) }
    if !rows.isEmpty {
      text += "## Figures\n\n" + TableText.markdown(rows.map(\.row)) + "\n## What ran\n\n"
      for (run, row) in rows { text += details(row, run: used.count == 1 ? nil : run) }
    }
    let missed = rows.map(\.row).filter { $0.isMet == false }
    if !missed.isEmpty {
      text += "## Targets that were missed\n\n"
      for row in missed {
        text += "### \(row.title)\n\n"
        text +=
          explanation(row.identifier)?.trimmingSuffix(while: \.isNewline).appending("\n\n")
          ?? "Not explained yet: the text belongs into `Benchmarks/Explanations/\(row.identifier).md`.\n\n"
      }
    }
    for growth in records.flatMap(\.growth) { text += Self.section(growth) }
    while text.hasSuffix("\n\n") { text.removeLast() }
    return text
  }

  private func heading(_ run: Int, isOnly: Bool) -> String {
    let record = records[run]
    let machine = record.machine
    var lines = [
      "command: `\(record.command)`",
      "processor: \(machine.processor), \(machine.processorCount) on line; caches \(machine.caches.joined(separator: ", ")); "
        + "vectors \(machine.vectors.joined(separator: " ")); \(FigureText.number(machine.memoryBytes / 1e9)) GB of memory",
      "system: \(machine.system)",
    ]
    lines += machine.software
    if !record.commit.isEmpty { lines.append("commit \(record.commit)") }
    if record.loadBefore >= 0, record.loadAfter >= 0 {
      lines.append(
        "load average \(FigureText.number(record.loadBefore)) before, \(FigureText.number(record.loadAfter)) after"
      )
    }
    return "## \(isOnly ? "Machine" : "Run \(run + 1)")\n\n" + lines.map { "- \($0)\n" }.joined() + "\n"
  }

  private func details(_ row: MeasuredRow, run: Int?) -> String {
    let lines = row.sideTexts + row.notes + (run.map { ["measured in run \($0 + 1)"] } ?? [])
    return "**\(row.title)** (`\(row.identifier)`)\n\n" + lines.map { "- \($0)\n" }.joined() + "\n"
  }

  /// The document's section about growth.
  public static func section(_ growth: GrowthRecord) -> String {
    var text =
      "## Growth: \(growth.title)\n\nEach size in a child process of its own: `\(growth.command)`.\n\n"
    text += "| tokens | wall time | processor time | peak memory |\n| --- | --- | --- | --- |\n"
    for point in growth.points {
      text +=
        "| \(point.tokens) | \(FigureText.seconds(point.seconds)) | \(FigureText.seconds(point.processorSeconds)) "
        + "| \(FigureText.megabytes(point.peakBytes)) |\n"
    }
    if !growth.leftOut.isEmpty {
      text += "\nLeft out by the time budget: \(growth.leftOut.map(String.init).joined(separator: ", ")).\n"
    }
    func within(_ error: Double) -> String { "\(FigureText.number(max(0.1, 100 * error))) %" }
    let sizes = "T from \(Int(growth.time.sizes[0])) to \(Int(growth.time.sizes[1]))"
    for (name, law) in [("time", growth.time), ("peak memory", growth.memory)] {
      text += "\(name == "time" ? "\n" : "")- \(name) grows as T^\(FigureText.number(law.exponent)) "
      text += "(\(sizes), points within \(within(law.worstRelativeError)) of the fit)\n"
    }
    text += "- models for the projections, by least squares of relative errors over the same sizes: "
    text += "time \(FigureText.seconds(growth.timeModel.coefficients[0]))·T + "
    text += "\(FigureText.seconds(growth.timeModel.coefficients[1]))·T², points within "
    text += "\(within(growth.timeModel.worstRelativeError)); memory "
    text += "\(FigureText.megabytes(growth.memoryModel.coefficients[0])) + "
    text += "\(FigureText.number(growth.memoryModel.coefficients[1])) bytes·T, points within "
    text += "\(within(growth.memoryModel.worstRelativeError))\n"
    return text + growth.projections.map { "- \($0)\n" }.joined() + "\n"
  }
}

extension String {
  fileprivate func trimmingSuffix(while drop: (Character) -> Bool) -> String {
    var text = self[...]
    while let last = text.last, drop(last) { text.removeLast() }
    return String(text)
  }
}
