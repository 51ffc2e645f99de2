import Testing

@testable import TensorIO

/// The vectors of FIPS 180-4's examples [FIPS180-4], and splitting.
@Suite struct SHA256Tests {
  @Test(
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
      ),
    ])
  func vectors(text: String, digest: String) {
    var hash = SHA256()
    hash.update(text)
    #expect(hash.hexDigest() == digest)
    #expect(hash.hexDigest() == digest, "asking does not change it")
  }

  @Test func aMillionTimesA() {
    var hash = SHA256()
    let thousand = [UInt8](repeating: UInt8(ascii: "a"), count: 1000)
    for _ in 0..<1000 { hash.update(thousand) }
    #expect(hash.hexDigest() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func piecesDoNotMatter() {
    let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    for length in [55, 56, 63, 64, 65, 119, 120, 128, 300] {
      var whole = SHA256()
      whole.update(Array(bytes[..<length]))
      for cut in [0, 1, 54, 55] {
        var pieces = SHA256()
        pieces.update(Array(bytes[..<cut]))
        pieces.update([])
        pieces.update(Array(bytes[cut..<length]))
        #expect(pieces.digest() == whole.digest(), "\(length) cut at \(cut)")
      }
    }
  }
}
