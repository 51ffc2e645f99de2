// The verdict on tensors for programs: JSON, and test cases for JUnit.

import DriftReporting
import FloatingPointFormats

extension TensorVerdict {
  /// The whole verdict.
  public func json(replay: ReplayCommand) -> JSONValue {
    [
      "verdict": .string(passes ? "pass" : "fail"), "require": .string(check.require.rawValue),
      "accuracy": .string(passesAccuracy ? "pass" : "fail"),
      "parity": .string(passesParity ? "pass" : "fail"),
      "recipe": .string(check.recipe.name), "against": .string(check.kernel.file),
      "positions": [
        "stored": .boolean(check.kernel.hasPositions), "least": .integer(check.kernel.positions.min() ?? 0),
        "greatest": .integer(check.kernel.positions.max() ?? 0),
      ],
      "first_failure": firstFailure.map { json($0, replay) } ?? .null,
      "tensors": .array(tensors.map { json($0) }),
      "not_checked": .array(check.kernel.missing.map(JSONValue.string)),
      "left_alone": .array(check.kernel.extra.map(JSONValue.string)),
      "warnings": .array(warnings.map(JSONValue.string)), "hints": .array(hints.map(JSONValue.string)),
    ]
  }

  private func json(_ failure: TensorFailure, _ replay: ReplayCommand) -> JSONValue {
    let tensor = failure.tensor.tensor
    let row = failure.result.firstFailingRow
    return [
      "question": .string(failure.question.rawValue), "stage": .string(tensor.kind.stage),
      "tensor": .string(failure.tensor.name), "comparator": .string(failure.result.comparator.spelling),
      "first_row": row.map(JSONValue.integer) ?? .null,
      "first_position": row.map { .integer(check.kernel.positions[tensor.token(ofRow: $0)]) } ?? .null,
      "message": .string(message(failure, replay: replay)),
    ]
  }

  private func json(_ tensor: CheckedTensor) -> JSONValue {
    [
      "name": .string(tensor.name), "stage": .string(tensor.tensor.kind.stage),
      "layer": .integer(tensor.tensor.layer.index),
      "element_type": .string(tensor.tensor.tensor.elementType.rawValue),
      "shape": .array(tensor.tensor.tensor.shape.map(JSONValue.integer)),
      "table": tensor.tensor.kind.stage == "table" ? .string(tensor.tensor.pairing.rawValue) : .null,
      "accuracy": figures(tensor.differences, tensor),
      "recipe": tensor.recipeDifferences.map { figures($0, tensor) } ?? .null,
      "parity": tensor.parityDifferences.map { figures($0, tensor) } ?? .null,
      "accuracy_results": .array(tensor.accuracy.map { json($0, tensor) }),
      "parity_results": .array(tensor.parity.map { json($0, tensor) }),
      "remarks": .array(tensor.remarks.map(JSONValue.string)),
    ]
  }

  private func figures(_ tally: DifferenceTally, _ tensor: CheckedTensor) -> JSONValue {
    [
      "elements": .integer(tally.count), "finite": .integer(tally.finiteCount),
      "unexpected_nonfinite": .integer(tally.unexpectedCount),
      "equal_nonfinite": .integer(tally.equalNonFiniteCount), "mismatches": .integer(tally.mismatchCount),
      "zeros_of_other_sign": .integer(tally.signOfZeroCount),
      "first_mismatch": tally.firstMismatch.map { place($0, tensor) } ?? .null,
      "max_abs_error": tally.worstAbsolute.map { .number($0.figure) } ?? .null,
      "max_abs_error_at": tally.worstAbsolute.map { place($0, tensor) } ?? .null,
      "max_ulp": tally.worstUlp.map { .number($0.figure) } ?? .null,
      "max_ulp_at": tally.worstUlp.map { place($0, tensor) } ?? .null,
      "nmse": tally.normalizedMeanSquare.map(JSONValue.number) ?? .null,
      "cosine": tally.cosine.map(JSONValue.number) ?? .null,
      "ulp_histogram": [
        "equal": .integer(tally.histogram.equal),
        "upper_ends": .array(UlpHistogram.upperEnds.map(JSONValue.number)),
        "counts": .array(tally.histogram.counts.map(JSONValue.integer)),
        "beyond": .integer(tally.histogram.beyond),
      ],
    ]
  }

  private func json(_ result: ComparatorResult, _ tensor: CheckedTensor) -> JSONValue {
    [
      "comparator": .string(result.comparator.spelling), "passes": .boolean(result.passes),
      "figure": result.figure.map(JSONValue.number) ?? .null,
      "exceeding": .integer(result.exceedingCount),
      "exceeding_unit": .string(result.countsRows ? "rows" : "elements"),
      "first_failing_row": result.firstFailingRow.map(JSONValue.integer) ?? .null,
      "worst": result.worst.map { place($0, tensor) } ?? .null,
      "allowed_at_worst": result.allowedAtWorst.map(JSONValue.number) ?? .null,
      "minimum_tolerance": .array(result.minimumTolerance.map { .string($0.spelling) }),
      "remark": result.remark.map(JSONValue.string) ?? .null,
    ]
  }

  private func place(_ worst: WorstElement, _ tensor: CheckedTensor) -> JSONValue {
    let format = tensor.tensor.format
    return [
      "index": .array(tensor.tensor.coordinates(ofIndex: worst.place.index).map(JSONValue.integer)),
      "position": .integer(check.kernel.positions[tensor.tensor.token(ofRow: worst.place.row)]),
      "reference": .number(worst.reference), "reference_bits": .string(format.bits(worst.reference)),
      "got": .number(worst.value), "got_bits": .string(format.bits(worst.value)),
    ]
  }

  /// One test case a tensor and rule. Rules that do not decide are skipped where they fail, and tensors that are not there are skipped.
  public func junit(replay: ReplayCommand) -> JUnitReport {
    var cases: [JUnitReport.Case] = []
    for tensor in tensors {
      for (question, results) in [(RequiredAgreement.accuracy, tensor.accuracy), (.parity, tensor.parity)] {
        let decides = check.require == .both || check.require == question
        for result in results {
          let failure = TensorFailure(question: question, tensor: tensor, result: result)
          let text = message(failure, replay: replay)
          let line = text.split(separator: "\n").first.map(String.init) ?? text
          cases.append(
            JUnitReport.Case(
              group: tensor.name, name: "\(question.rawValue) \(result.comparator.spelling)",
              outcome: result.passes
                ? .passed
                : decides ? .failed(message: line, text: text) : .skipped(message: "does not decide: \(line)")
            ))
        }
        if results.isEmpty {
          let message = "recipe \(check.recipe.name) has no such tensor"
          cases.append(
            JUnitReport.Case(
              group: tensor.name, name: question.rawValue,
              outcome: decides ? .failed(message: message, text: message) : .skipped(message: message)))
        }
      }
    }
    cases += check.kernel.missing.map {
      JUnitReport.Case(
        group: $0, name: "present", outcome: .skipped(message: "\(check.kernel.file) does not hold it"))
    }
    return JUnitReport(
      suite: "ropedrift check",
      properties: [
        ("against", check.kernel.file), ("recipe", check.recipe.name), ("require", check.require.rawValue),
        ("input", check.input.spelling),
      ], cases: cases)
  }
}
