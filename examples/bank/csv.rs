//! Splits one line of a CSV file into fields that remember where they began.

use std::borrow::Cow;

/// A field of a line, without blanks around it and without its quotes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Where the field begins in its line, in bytes.
    pub(crate) offset: usize,
}

/// What is wrong with a line, and where (in bytes).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misquoted {
    pub(crate) offset: usize,
    pub(crate) message: &'static str,
}

/// Returns the column, counted from one in characters, of a byte offset.
pub(crate) fn column(line: &str, offset: usize) -> usize {
    line[..offset].chars().count() + 1
}

/// Splits a line at its commas. A line always has one field at least, which may be empty.
pub(crate) fn fields(line: &str) -> Result<Vec<Field<'_>>, Misquoted> {
    let mut fields = Vec::with_capacity(4);
    let mut next = 0;
    loop {
        let offset = next + blanks(&line[next..]);
        let (text, end) = if line[offset..].starts_with('"') {
            quoted(line, offset)?
        } else {
            let end = line[offset..].find(',').map_or(line.len(), |at| offset + at);
            (Cow::Borrowed(line[offset..end].trim_end_matches(BLANK)), end)
        };
        fields.push(Field { text, offset });
        if end == line.len() {
            return Ok(fields);
        }
        next = end + 1;
    }
}

const BLANK: [char; 2] = [' ', '\t'];

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches(BLANK).len()
}

/// Reads the field whose opening quote is at `open`; returns it and where its comma or the end of the line is.
fn quoted(line: &str, open: usize) -> Result<(Cow<'_, str>, usize), Misquoted> {
    let mut text = Cow::Borrowed("");
    let mut from = open + 1;
    loop {
        let Some(length) = line[from..].find('"') else {
            let message = "quote is never closed";
            return Err(Misquoted { offset: open, message });
        };
        let quote = from + length;
        text += &line[from..quote];
        if line[quote + 1..].starts_with('"') {
            // Two quotes stand for one.
            text += "\"";
            from = quote + 2;
            continue;
        }
        let end = quote + 1 + blanks(&line[quote + 1..]);
        if end < line.len() && !line[end..].starts_with(',') {
            let message = "text follows the closing quote";
            return Err(Misquoted { offset: end, message });
        }
        return Ok((text, end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<(String, usize)> {
        let fields = fields(line).expect("a well-formed line");
        fields.into_iter().map(|field| (field.text.into_owned(), column(line, field.offset))).collect()
    }

    fn expect(line: &str, expected: &[(&str, usize)]) {
        let expected: Vec<_> = expected.iter().map(|&(text, column)| (text.to_owned(), column)).collect();
        assert_eq!(split(line), expected, "{line:?}");
    }

    #[test]
    fn fields_remember_their_columns() {
        expect("a,bc,1", &[("a", 1), ("bc", 3), ("1", 6)]);
        expect(" a ,\tbc, 1 ", &[("a", 2), ("bc", 6), ("1", 10)]);
        expect("", &[("", 1)]);
        expect(",,", &[("", 1), ("", 2), ("", 3)]);
        expect("żółw,b", &[("żółw", 1), ("b", 6)]);
    }

    #[test]
    fn quotes_protect_commas_and_quotes() {
        expect(r#""a,b" , "c ""d""",1"#, &[("a,b", 1), ("c \"d\"", 9), ("1", 19)]);
        expect(r#""""#, &[("", 1)]);
    }

    #[test]
    fn bad_quotes_are_located() {
        let open = fields(r#"a,"b,1"#).expect_err("an open quote");
        assert_eq!((open.offset, open.message), (2, "quote is never closed"));
        let trailing = fields(r#""a" x,b"#).expect_err("text after a quote");
        assert_eq!((trailing.offset, trailing.message), (4, "text follows the closing quote"));
    }
}
