//! Pieces of the page.

use std::fmt::Write;

/// Escapes what HTML would understand.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Escapes a text in which words between backticks are code.
pub fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(number, part)| if number % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) })
        .collect()
}

/// A table whose cells are HTML already; columns after the first `texts` hold numbers.
pub fn table(header: &[String], rows: &[Vec<String>], texts: usize) -> String {
    let mut html = String::from("<div class=\"wide\"><table><thead><tr>");
    let class = |column: usize| if column < texts { "" } else { " class=\"n\"" };
    for (column, cell) in header.iter().enumerate() {
        let _ = write!(html, "<th{}>{cell}</th>", class(column));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(html, "<td{}>{cell}</td>", class(column));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// A drawing with a caption.
pub fn figure(svg: &str, caption: &str) -> String {
    let caption = escape(caption);
    // The drawing's own head says how large it is; the page fits it to the window.
    let svg = svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{caption}\" "), 1);
    format!("<figure>{svg}<figcaption>{caption}</figcaption></figure>\n")
}

/// A competitor's name in its family's colour.
pub fn who(name: &str, variable: &str) -> String {
    format!("<span class=\"who\" style=\"--c:var(--{variable})\">{}</span>", escape(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_understood_that_is_meant_as_text() {
        assert_eq!(escape("a < b & \"c\" > d"), "a &lt; b &amp; &quot;c&quot; &gt; d");
        assert_eq!(prose("by `T<u8>`, <"), "by <code>T&lt;u8&gt;</code>, &lt;");
        assert!(who("<b>", "ours").contains("&lt;b&gt;"));
        let table = table(&["a".to_owned(), "b".to_owned()], &[vec!["x".to_owned(), "1".to_owned()]], 1);
        assert!(table.contains("<td>x</td><td class=\"n\">1</td>"), "{table}");
    }
}
