//! Printing tables.

/// Prints a table whose columns are as wide as their widest cell, in a form that Markdown accepts too.
pub fn print_table<const N: usize>(header: [&str; N], rows: &[[String; N]]) {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(header[column].len())
    });
    print_row(widths, header);
    let rules = widths.map(|width| "-".repeat(width));
    print_row(widths, rules.each_ref().map(String::as_str));
    for row in rows {
        print_row(widths, row.each_ref().map(String::as_str));
    }
}

fn print_row<const N: usize>(widths: [usize; N], cells: [&str; N]) {
    for (cell, width) in cells.iter().zip(widths) {
        print!("| {cell:width$} ");
    }
    println!("|");
}
