// `ropedrift models`: the list, one model, and configurations that are models.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct ModelsTests {
  @Test func listsEveryModel() throws {
    let result = ropedrift("models")
    #expect(result.exit == .done && result.talk.isEmpty)
    for name in ModelRegistry.names { #expect(result.output.contains("\n\(name) ")) }
    let array = try #require(
      JSONSerialization.jsonObject(with: Data(ropedrift("models", "--json").output.utf8)) as? [[String: Any]])
    #expect(array.compactMap { $0["name"] as? String } == ModelRegistry.names)
  }

  @Test(arguments: ModelRegistry.names)
  func showsOneModel(_ name: String) throws {
    let result = ropedrift("models", name)
    #expect(result.exit == .done && result.output.contains("source") && result.output.contains(name))
    let object = try ModelFixture.json(ropedrift("models", name, "--json"))
    #expect(object["name"] as? String == name)
    #expect((object["source"] as? String)?.isEmpty == false)
  }

  @Test func showsWhatWasUnderstoodOfAConfiguration() throws {
    let folder = try ScratchFolder()
    let path = try folder.file(
      "config.json",
      ModelFixture.llama(
        #", "rope_scaling": {"type": "dynamic", "factor": 2.0}, "max_position_embeddings": 64"#))
    let object = try ModelFixture.json(ropedrift("models", path, "--json"))
    #expect(object["heads"] as? Int == 4 && object["kv_heads"] as? Int == 2)
    #expect(object["layout"] as? String == "half-split" && object["max_positions"] as? Int == 64)
    let layer = try #require((object["layer_types"] as? [[String: Any]])?.first)
    #expect(
      layer["base"] as? String == "10000.0" && layer["scaling"] as? String == "dynamic:factor=2.0,max=64")
    #expect(layer["needs_sequence_length"] as? Bool == true && layer["window"] is NSNull)
    #expect(ropedrift("models", path).output.contains("dynamic:factor=2.0,max=64 (and --sequence-length)"))
  }

  @Test func failuresNameTheFileOrTheName() throws {
    let folder = try ScratchFolder()
    let broken = ropedrift("models", try folder.file("config.json", Array("[]".utf8)))
    #expect(broken.exit == .failed && broken.talk.contains("config.json: found an array of 0"))
    let missing = ropedrift("models", folder.path + "/none.json")
    #expect(missing.exit == .failed && missing.talk.contains("none.json: the file cannot be read"))
    let unknown = ropedrift("models", "lama-2-7b")
    #expect(unknown.exit == .wrongUsage && unknown.talk.contains("did you mean 'llama-2-7b'?"))
  }
}
