//! A small picture for a README.

/// An SVG that says how many reports are open.
pub fn badge(open: u64) -> String {
    let (words, colour) = match open {
        0 => ("none open".to_owned(), "#2e7d32"),
        1 => ("1 open".to_owned(), "#b26a00"),
        more => (format!("{more} open"), "#b26a00"),
    };
    let (label, value) = (58, 16 + 7 * words.len());
    let (whole, middle) = (label + value, label + value / 2);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="reports: {words}">
<rect width="{label}" height="20" fill="#444"/><rect x="{label}" width="{value}" height="20" fill="{colour}"/>
<g fill="#fff" font-family="sans-serif" font-size="11" text-anchor="middle">
<text x="29" y="14">reports</text><text x="{middle}" y="14">{words}</text>
</g></svg>
"##
    )
}
