// The look of the page. It stands in the page itself, so that nothing is fetched.

/// The style sheet.
enum PageStyle {
  /// Every colour that pictures use, with its partner in dark mode.
  static let partners: [(light: String, dark: String)] =
    [
      (SeriesStyle.ink, "#e6edf3"), (SeriesStyle.muted, "#9aa4af"), (SeriesStyle.pale, "#343b43"),
      (SeriesStyle.paper, "#14181d"),
    ]
    + zip(
      SeriesStyle.colors,
      ["#5ab4f0", "#ff9a5c", "#4fc99f", "#e39ac8", "#d8bb4a", "#a79dff", "#f288ab", "#b4b4b4", "#f4f6f8"]
    ).map { ($0, $1) }

  /// The sheet.
  static var sheet: String {
    let dark = partners.map { pair in
      ["fill", "stroke"].map { ".picture [\($0)=\"\(pair.light)\"]{\($0):\(pair.dark)}" }.joined()
    }
    return """
      :root{color-scheme:light dark;--ink:#1f2328;--muted:#57606a;--line:#d8dee4;--paper:#fff;--tint:#f6f8fa;--link:#0060b0}
      *{box-sizing:border-box}
      body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
      main{max-width:64rem;margin:0 auto;padding:1rem 1rem 4rem}
      h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}
      h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--line)}
      h3{font-size:1rem;margin:1.5rem 0 .5rem}
      p{margin:.5rem 0;max-width:46rem}
      a{color:var(--link)}
      nav{font-size:.9rem}
      nav a{display:inline-block;margin-right:1rem;padding:.25rem 0}
      dl.run{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.2rem 1rem;margin:.75rem 0}
      dl.run dt{color:var(--muted)}
      dl.run dd{margin:0}
      ul.verdict{padding-left:1.1rem;max-width:46rem}
      ul.verdict li{margin:.5rem 0}
      code,pre{font:.875rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
      pre{background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:.6rem .75rem;white-space:pre-wrap;margin:.5rem 0}
      .pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:1.25rem;align-items:start}
      figure{margin:.75rem 0;min-width:0}
      .picture{overflow-x:auto}
      .picture svg{display:block;width:100%;max-width:33rem;height:auto}
      figcaption,.source{color:var(--muted);font-size:.875rem;line-height:1.4;margin:.35rem 0;max-width:46rem}
      details{margin:.5rem 0}
      summary{cursor:pointer;padding:.25rem 0}
      .scroll{overflow-x:auto;max-height:28rem;overflow-y:auto;border:1px solid var(--line);border-radius:6px}
      table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
      th,td{padding:.25rem .6rem;text-align:left;white-space:nowrap;border-bottom:1px solid var(--line);max-width:24rem;overflow:hidden;text-overflow:ellipsis}
      th{position:sticky;top:0;background:var(--tint);font-weight:600}
      .n{text-align:right}
      tbody tr:last-child td{border-bottom:0}
      .note{background:var(--tint);border-left:4px solid var(--muted);padding:.5rem .75rem}
      @media (max-width:40rem){body{font-size:15px}main{padding:.5rem .75rem 3rem}dl.run{grid-template-columns:1fr;gap:0}dl.run dd{margin-bottom:.4rem}}
      @media screen and (prefers-color-scheme:dark){
      :root{--ink:#e6edf3;--muted:#9aa4af;--line:#343b43;--paper:#14181d;--tint:#1c2229;--link:#6cb6ff}
      \(dark.joined(separator: "\n"))
      }
      @media print{
      :root{font-size:10pt}body{font-size:10pt}main{max-width:none;padding:0}nav{display:none}
      figure,li,tr{break-inside:avoid}h2,h3,h2+p{break-after:avoid}
      .scroll{overflow:visible;max-height:none}th{position:static}th,td{white-space:normal;padding:.1rem .3rem}
      table{font-size:7.5pt}.pictures{grid-template-columns:1fr 1fr}
      }
      """
  }
}
