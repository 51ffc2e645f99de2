// `ropedrift inspect`: what is in a file, whether or not it can be reported on.

import ArgumentParser
import Foundation
import RoPEDrift

/// Shows tensors and metadata.
struct InspectCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show the tensors, types, non-finite counts and metadata of an input.",
    discussion: """
      Any safetensors file, any .npy file, a folder of .npy files, - (safetensors on standard input) or synthetic:KIND.

      Examples:
        ropedrift inspect capture.safetensors
        ropedrift inspect synthetic:sink,tokens=64 --json
      """)

  @OptionGroup var input: InputArgument
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let inspection = try Inspection(input)
    if printing.json {
      try console.print(json: inspection.json)
    } else {
      try console.write(inspection.text)
    }
  }
}

/// What `inspect` found.
private struct Inspection {
  struct Tensor {
    var name: String
    var type: TensorElementType
    var shape: [Int]
    /// Nil for types that are not read as real numbers.
    var nonFinite: AttentionInput.NonFiniteCount?
    /// Where the bytes lie in the file.
    var bytes: Range<Int>?
  }

  var name: String
  var container: String
  var sha256: String?
  var metadata: [String: String] = [:]
  var tensors: [Tensor] = []
  /// Why reports cannot be made of it; nil where they can.
  var obstacle: String?

  init(_ argument: InputArgument) throws {
    guard let path = argument.input, !path.hasPrefix(SyntheticInput.prefix) else {
      self = try Inspection(
        argument.open(), container: argument.input == nil ? "safetensors" : "generator")
      return
    }
    var isFolder: ObjCBool = false
    if path == "-" {
      self = try Inspection(SafetensorsFile.standardInput(), sha256: nil)
    } else if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      self = try Inspection(AttentionInput(folder: path), container: "folder of npy")
    } else if path.lowercased().hasSuffix(".npy") {
      let tensor = try NPYFile(path: path).tensor
      name = path
      container = "npy"
      sha256 = try SHA256.hexDigest(ofFile: path)
      tensors = [try Self.tensor(tensor)]
      obstacle = "a single array; name the folder that holds layers.0.q.npy, layers.0.k.npy and so on"
    } else {
      self = try Inspection(SafetensorsFile(path: path), sha256: SHA256.hexDigest(ofFile: path))
    }
  }

  private init(_ file: SafetensorsFile, sha256: String?) throws {
    name = file.path
    container = "safetensors"
    self.sha256 = sha256
    metadata = file.metadata
    tensors = try file.tensors.map(Self.tensor)
    do {
      _ = try AttentionInput(file)
    } catch let error as TensorFileError {
      obstacle = error.description
    }
  }

  private init(_ input: AttentionInput, container: String) throws {
    name = input.spelling
    self.container = container
    sha256 = try input.identity()
    metadata = input.metadata
    for layer in input.layerShapes {
      for tensor in AttentionTensor.allCases {
        guard let type = layer.elementType(of: tensor) else { continue }
        tensors.append(
          Tensor(
            name: tensor.name(layer: layer.index), type: type, shape: layer.shape(of: tensor),
            nonFinite: try input.nonFiniteCount(layer: layer.index, tensor: tensor)))
      }
    }
    tensors += input.otherTensors.map { Tensor(name: $0.name, type: $0.elementType, shape: $0.shape) }
  }

  private static func tensor(_ tensor: MappedTensor) throws -> Tensor {
    var count: AttentionInput.NonFiniteCount?
    if tensor.elementType.format != nil {
      var found = AttentionInput.NonFiniteCount()
      // In blocks: a file may be larger than memory.
      let block = 1 << 16
      for start in stride(from: 0, to: tensor.count, by: block) {
        for element in try tensor.elements(start..<min(start + block, tensor.count)) where !element.isFinite {
          if element.isNaN { found.nans += 1 } else { found.infinities += 1 }
        }
      }
      count = found
    }
    return Tensor(
      name: tensor.name, type: tensor.elementType, shape: tensor.shape, nonFinite: count,
      bytes: tensor.byteRange)
  }

  // MARK: Output

  private var sortedMetadata: [(key: String, value: String)] { metadata.sorted { $0.key < $1.key } }

  var text: String {
    var text = "\(AlignedTextTable.visible(name)) (\(container))\n"
    if let sha256 { text += "sha256 \(sha256)\n" }
    var table = AlignedTextTable(header: ["tensor", "type", "shape", "NaN", "infinite", "bytes"])
    for tensor in tensors {
      table.append([
        .string(tensor.name), .string(tensor.type.rawValue), .string("\(tensor.shape)"),
        tensor.nonFinite.map { .integer($0.nans) } ?? .missing,
        tensor.nonFinite.map { .integer($0.infinities) } ?? .missing,
        tensor.bytes.map { .string("\($0.lowerBound)..<\($0.upperBound)") } ?? .missing,
      ])
    }
    text += table.text
    if !metadata.isEmpty {
      var table = AlignedTextTable(header: ["metadata", "value"])
      for (key, value) in sortedMetadata { table.append([.string(key), .string(value)]) }
      text += table.text
    }
    text += obstacle.map { "not an input for reports: \(AlignedTextTable.visible($0))\n" } ?? ""
    return text
  }

  var json: JSONValue {
    .object([
      "name": .string(name), "container": .string(container), "sha256": sha256.map(JSONValue.string) ?? .null,
      "metadata": .object(JSONObject(sortedMetadata.map { ($0.key, .string($0.value)) })),
      "tensors": .array(
        tensors.map { tensor in
          var object: JSONObject = [
            "name": .string(tensor.name), "type": .string(tensor.type.rawValue),
            "shape": .array(tensor.shape.map(JSONValue.integer)),
            "nan_count": tensor.nonFinite.map { .integer($0.nans) } ?? .null,
            "infinity_count": tensor.nonFinite.map { .integer($0.infinities) } ?? .null,
          ]
          if let bytes = tensor.bytes {
            object["byte_range"] = [.integer(bytes.lowerBound), .integer(bytes.upperBound)]
          }
          return .object(object)
        }),
      "is_attention_input": .boolean(obstacle == nil),
      "obstacle": obstacle.map(JSONValue.string) ?? .null,
    ])
  }
}
