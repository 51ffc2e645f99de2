import Foundation
import Testing

@testable import TensorIO

@Suite struct AttentionInputTests {
  /// Tensors by name and shape; element e of a tensor is e/8, which every type holds here.
  private func file(
    _ shapes: KeyValuePairs<String, [Int]>, type: TensorElementType = .bf16, metadata: [String: String] = [:]
  ) throws -> AttentionInput {
    var writer = SafetensorsWriter(metadata: metadata)
    for (name, shape) in shapes {
      try writer.add(
        name, type, shape: shape, values: (0..<shape.reduce(1, *)).map { Double($0) / 8 })
    }
    return try AttentionInput(SafetensorsFile(bytes: writer.bytes(), named: "a.safetensors"))
  }

  @Test func headsAndShapes() throws {
    let input = try file([
      "layers.10.q": [4, 2, 2], "layers.10.k": [2, 3, 2], "layers.10.v": [2, 3, 2], "layers.2.k": [1, 1, 4],
      "layers.2.q": [1, 1, 4], "token_ids": [3], "layers.2.bias": [1], "layers.x.q": [1],
      "model.layers.2.q": [1],
    ])
    #expect(input.layers == [2, 10])
    let layer = try input.shape(ofLayer: 10)
    #expect(layer.shape(of: .query) == [4, 2, 2] && layer.shape(of: .key) == [2, 3, 2])
    let kvHeads: [Int] = (0..<4).map { layer.kvHead(ofQueryHead: $0) }
    #expect(kvHeads == [0, 0, 1, 1])
    #expect(layer.queryType == .bf16 && layer.valueType == .bf16)
    #expect(try input.queries(layer: 10, head: 3) == [1.5, 1.625, 1.75, 1.875])
    #expect(try input.keys(layer: 10, kvHead: 1) == [0.75, 0.875, 1, 1.125, 1.25, 1.375])
    #expect(try input.values(layer: 10, kvHead: 0) == [0, 0.125, 0.25, 0.375, 0.5, 0.625])
    #expect(
      Set(input.otherTensors.map(\.name)) == ["token_ids", "layers.2.bias", "layers.x.q", "model.layers.2.q"])
    expectError(.missingTensor) { try input.values(layer: 2, kvHead: 0) }
    #expect(try input.shape(ofLayer: 2).valueType == nil)
    expectError(.outOfRange) { try input.queries(layer: 3, head: 0) }
    expectError(.outOfRange) { try input.queries(layer: 10, head: 4) }
    expectError(.outOfRange) { try input.keys(layer: 10, kvHead: -1) }
    let text = try input.describe()
    for part in ["layers.10.q  BF16 [4, 2, 2]", "token_ids", "layers.2.k  BF16 [1, 1, 4]"] {
      #expect(text.contains(part))
    }
  }

  @Test(arguments: ["normal", "sink", "cancellation"])
  func rowsAreThoseOfTheWholeHead(kind: String) throws {
    let generated = try AttentionInput.open(
      "synthetic:\(kind),heads=2,kv_heads=1,tokens=7,query_tokens=5,head_dim=6,rotary_size=4,dtype=fp32")
    let file = try AttentionInput(
      SafetensorsFile(bytes: generated.safetensors().bytes(), named: "a.safetensors"))
    for input in [generated, file] {
      for (tensor, tokens) in [(AttentionTensor.query, 5), (.key, 7)] {
        let whole = try input.read(tensor, layer: 1, head: 0)
        for rows in [0..<0, 0..<tokens, 2..<4, tokens - 1..<tokens] {
          let part = try input.read(tensor, layer: 1, head: 0, tokens: rows)
          #expect(part == Array(whole[rows.lowerBound * 6..<rows.upperBound * 6]))
        }
        expectError(.outOfRange) { try input.read(tensor, layer: 1, head: 0, tokens: 3..<tokens + 1) }
        expectError(.outOfRange) { try input.read(tensor, layer: 1, head: 0, tokens: -1..<2) }
      }
    }
  }

  /// Every encoding of the 16-bit types, and of binary32 those of every exponent.
  @Test(arguments: [TensorElementType.f16, .bf16, .f32])
  func binary32RowsAreThoseOfBinary64(type: TensorElementType) throws {
    let format = type.format!
    let values = (0..<1 << 16).map { format.double(of: UInt64($0) << UInt64(format.bitWidth - 16)) }
    var writer = SafetensorsWriter()
    try writer.add("layers.0.q", type, shape: [2, 256, 128], values: values)
    try writer.add("layers.0.k", type, shape: [2, 256, 128], values: values)
    let input = try AttentionInput(SafetensorsFile(bytes: writer.bytes(), named: "a.safetensors"))
    for rows in [0..<0, 0..<256, 3..<17] {
      let wide = try input.read(.query, layer: 0, head: 1, tokens: rows)
      let narrow = try #require(try input.readBinary32(.query, layer: 0, head: 1, tokens: rows))
      #expect(narrow.count == wide.count)
      #expect(
        zip(wide, narrow).allSatisfy { $0.isNaN ? $1.isNaN : $0.bitPattern == Double($1).bitPattern })
    }
    expectError(.outOfRange) { try input.readBinary32(.query, layer: 0, head: 2, tokens: 0..<1) }
    expectError(.outOfRange) { try input.readBinary32(.query, layer: 0, head: 0, tokens: 0..<257) }
    expectError(.missingTensor) { try input.readBinary32(.value, layer: 0, head: 0, tokens: 0..<1) }
  }

  @Test func binary64HasNoRowsInBinary32() throws {
    let wide = try file(["layers.0.q": [1, 2, 2], "layers.0.k": [1, 2, 2]], type: .f64)
    #expect(try wide.readBinary32(.query, layer: 0, head: 0, tokens: 0..<2) == nil)
    let generated = try AttentionInput.open("synthetic:sink,heads=1,tokens=4,head_dim=6,dtype=fp16")
    let expected = try generated.read(.key, layer: 1, head: 0, tokens: 0..<3).map { Float($0) }
    #expect(try generated.readBinary32(.key, layer: 1, head: 0, tokens: 0..<3) == expected)
  }

  @Test func refusals() throws {
    expectError(.missingTensor) { try file([:]) }
    let nothing = expectError(.missingTensor) { try file(["model.q": [1, 1, 2]]) }
    #expect(nothing?.found.contains("model.q") == true)
    let noKeys = expectError(.missingTensor) { try file(["layers.0.q": [1, 1, 2]]) }
    #expect(noKeys?.tensor == "layers.0.k")
    let noQueries = expectError(.missingTensor) {
      try file(["layers.0.v": [1, 1, 2], "layers.0.k": [1, 1, 2]])
    }
    #expect(noQueries?.tensor == "layers.0.q")
    expectError(.missingTensor, "one layer of two") {
      try file(["layers.0.q": [1, 1, 2], "layers.0.k": [1, 1, 2], "layers.1.q": [1, 1, 2]])
    }
    for (query, key, value) in [
      ([1, 2], [1, 1, 2], [1, 1, 2]), ([1, 1, 1, 2], [1, 1, 2], [1, 1, 2]), ([1, 1, 2], [1, 1, 2], [2]),
      ([0, 1, 2], [1, 1, 2], [1, 1, 2]), ([1, 1, 2], [0, 1, 2], [0, 1, 2]),
      ([1, 0, 2], [1, 0, 2], [1, 0, 2]),
      ([1, 1, 0], [1, 1, 0], [1, 1, 0]), ([1, 1, 2], [1, 1, 4], [1, 1, 2]),
      ([3, 1, 2], [2, 1, 2], [2, 1, 2]),
      ([1, 2, 2], [1, 1, 2], [1, 1, 2]), ([2, 1, 2], [2, 1, 2], [1, 1, 2]),
      ([1, 1, 2], [1, 2, 2], [1, 1, 2]),
      ([1, 1, 2], [2, 1, 2], [2, 1, 2]),
    ] {
      expectError(.wrongShape, "\(query) \(key) \(value)") {
        try file(["layers.0.q": query, "layers.0.k": key, "layers.0.v": value])
      }
    }
    for name in ["layers.07.q", "layers.-1.q", "layers.+1.k", "layers.-0.v", "layers.99999999999999999999.q"]
    {
      expectError(.ambiguousName, "\(name)") {
        try file(["layers.0.q": [1, 1, 2], "layers.0.k": [1, 1, 2], name: [1, 1, 2]])
      }
    }
    var integers = SafetensorsWriter()
    try integers.add("layers.0.q", .f32, shape: [1, 1, 2], values: [1, 2])
    try integers.add("layers.0.k", shape: [1, 1, 2], integers: [1, 2])
    let wrongType = expectError(.unsupportedElementType) {
      try AttentionInput(SafetensorsFile(bytes: integers.bytes(), named: "i"))
    }
    #expect(wrongType?.tensor == "layers.0.k")
  }

  @Test func stageAndMetadata() throws {
    let shapes: KeyValuePairs = ["layers.0.q": [1, 1, 2], "layers.0.k": [1, 1, 2]]
    let metadata = ["stage": "pre-rope", "rope.base": "500000.0", "rope.layout": "anything"]
    #expect(try file(shapes, metadata: metadata).metadata == metadata)
    #expect(try file(shapes).metadata.isEmpty)
    let error = expectError(.wrongStage) { try file(shapes, metadata: ["stage": "post-rope"]) }
    #expect(error?.found.contains("post-rope") == true)
  }

  @Test func nonFiniteElementsAreCountedAndRead() throws {
    var writer = SafetensorsWriter()
    try writer.add("layers.0.q", .f16, shape: [1, 2, 2], values: [.nan, 1, .infinity, -.infinity])
    try writer.add("layers.0.k", .f32, shape: [1, 2, 2], values: [1, .nan, 2, 3])
    let input = try AttentionInput(SafetensorsFile(bytes: writer.bytes(), named: "n"))
    let queries = try input.nonFiniteCount(layer: 0, tensor: .query)
    #expect(queries.nans == 1 && queries.infinities == 2)
    #expect(try input.nonFiniteCount(layer: 0, tensor: .value).total == 0)
    #expect(try input.nonFiniteCount(layer: 0).total == 4)
    #expect(try input.queries(layer: 0, head: 0)[2...] == [.infinity, -.infinity])
    #expect(try input.describe().contains("(1 NaN, 2 infinite)"))
  }

  @Test func folderOfArrays() throws {
    let folder = try ScratchFolder()
    let values = (0..<4).map(Double.init)
    let query = try NPYFile.bytes(.f16, shape: [1, 2, 2], values: values)
    let key = try NPYFile.bytes(.f64, shape: [1, 2, 2], values: values.reversed())
    _ = try folder.write(query, as: "layers.3.q.npy")
    _ = try folder.write(key, as: "layers.3.k.npy")
    _ = try folder.write(Array("not read".utf8), as: "notes.txt")
    let input = try AttentionInput.open(folder.path)
    #expect(input.layers == [3])
    #expect(try input.queries(layer: 3, head: 0) == values)
    #expect(try input.keys(layer: 3, kvHead: 0) == values.reversed())
    #expect(try input.shape(ofLayer: 3).keyType == .f64)
    func hex(_ bytes: [UInt8]) -> String {
      var hash = SHA256()
      hash.update(bytes)
      return hash.hexDigest()
    }
    #expect(
      try input.identity()
        == hex(Array("\(hex(key))  layers.3.k.npy\n\(hex(query))  layers.3.q.npy\n".utf8)))

    _ = try folder.write(Array("{\"stage\": \"pre-rope\"}\n".utf8), as: "metadata.json")
    let described = try AttentionInput.open(folder.path)
    #expect(described.metadata == ["stage": "pre-rope"])
    #expect(try described.identity() != input.identity())
    for (text, kind) in [
      ("[]", TensorFileError.Kind.headerNotObject), ("{\"a\":1}", .wrongField), ("{", .headerSyntax),
      ("{\"a\":\"\",\"a\":\"\"}", .duplicateKey),
    ] {
      _ = try folder.write(Array(text.utf8), as: "metadata.json")
      expectError(kind) { try AttentionInput.open(folder.path) }
    }
    _ = try folder.write([0xFF], as: "metadata.json")
    expectError(.headerNotText) { try AttentionInput.open(folder.path) }
    expectError(.wrongSpelling, "a single array") { try AttentionInput.open(folder.path + "/layers.3.q.npy") }
    let empty = try ScratchFolder()
    expectError(.missingTensor) { try AttentionInput.open(empty.path) }
    expectError(.unreadable) { try AttentionInput(folder: empty.path + "/none") }
  }

  @Test func fileIdentityIsTheHashOfItsBytes() throws {
    let folder = try ScratchFolder()
    var writer = SafetensorsWriter()
    try writer.add("layers.0.q", .f32, shape: [1, 1, 2], values: [1, 2])
    try writer.add("layers.0.k", .f32, shape: [1, 1, 2], values: [1, 2])
    let path = folder.path + "/a.safetensors"
    try writer.write(to: path)
    let input = try AttentionInput.open(path)
    #expect(try input.identity() == SHA256.hexDigest(ofFile: path))
    #expect(input.spelling == path)
    #expect(try input.safetensors().bytes() == writer.bytes())
    expectError(.missingFile) { try AttentionInput.open(folder.path + "/b.safetensors") }
  }
}

@Suite struct ShippedSampleTests {
  @Test func isTheRecordedFile() throws {
    let sample = try AttentionInput.shippedSample()
    #expect(sample.layers == [7, 22])
    let layer = try sample.shape(ofLayer: 22)
    #expect(layer.shape(of: .query) == [9, 512, 64] && layer.shape(of: .key) == [3, 512, 64])
    #expect(layer.queryType == .bf16)
    #expect(sample.metadata["rope.base"] == "100000" && sample.metadata["rope.layout"] == "half-split")
    #expect(sample.otherTensors == [.init(name: "token_ids", elementType: .i32, shape: [512])])
    #expect(sample.spelling == AttentionInput.shippedSampleName)
    #expect(
      try sample.identity() == "0deee7701e6472bd7853a0650dfba68ecced1f1c829d948775242ea2de82542c")
  }

  @Test func missingResourcesAreAnError() throws {
    let folder = try ScratchFolder()
    let error = expectError(.missingFile) { try ShippedSample.path(in: [URL(fileURLWithPath: folder.path)]) }
    #expect(error?.found.contains(folder.path) == true)
  }
}
