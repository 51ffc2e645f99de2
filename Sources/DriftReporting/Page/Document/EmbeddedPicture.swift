// Several pictures stand in one page, and each numbers its parts from 1: names inside a picture get the picture's name in front.

import Foundation

/// Makes an SVG fit to stand beside others in a page.
enum EmbeddedPicture {
  /// The picture with every `id`, and every reference to one, prefixed by `name` and a hyphen. Only tags are changed, not texts.
  static func embedded(_ picture: String, in name: String) -> String {
    var result = ""
    result.reserveCapacity(picture.utf8.count + 1024)
    var rest = picture[...]
    while let start = rest.firstIndex(of: "<") {
      result += rest[..<start]
      let end = rest[start...].firstIndex(of: ">") ?? rest.endIndex
      var tag = String(rest[start..<end])
      for marker in [" id=\"", "url(#", "href=\"#"] where tag.contains(marker) {
        tag = tag.components(separatedBy: marker).joined(separator: marker + name + "-")
      }
      result += tag
      rest = rest[end...]
    }
    return result + rest
  }
}
