//! The charts' colours: variables of the page, so that they follow its light or dark scheme.

use plotters::style::RGBColor;

use crate::contest::Family;

/// A colour that stands for a variable of the page. No chart has another.
const fn stand_in(number: u8) -> RGBColor {
    RGBColor(number, 0, 0)
}

pub const INK: RGBColor = stand_in(1);
pub const MUTED: RGBColor = stand_in(2);
pub const GRID: RGBColor = stand_in(3);

const FAMILIES: [(Family, &str, &str); 9] = [
    (Family::Ours, "ours", "this library"),
    (Family::Mutex, "mutex", "mutex"),
    (Family::RwLock, "rwlock", "read-write lock"),
    (Family::Atomic, "atomic", "atomic"),
    (Family::LockFree, "lockfree", "lock-free or sharded structure"),
    (Family::Copy, "copy", "copy and swap"),
    (Family::Channel, "channel", "channel, actor"),
    (Family::OtherStm, "otherstm", "other STMs"),
    (Family::Sequential, "sequential", "sequential program"),
];

const FIRST: u8 = 10;

pub fn of(family: Family) -> RGBColor {
    let number = FAMILIES.iter().position(|(other, ..)| *other == family);
    stand_in(FIRST + number.expect("every family is listed") as u8)
}

/// The name of a family's variable.
pub fn variable(family: Family) -> &'static str {
    FAMILIES.iter().find(|(other, ..)| *other == family).map_or("ink", |(_, variable, _)| variable)
}

/// What a reader calls a family.
pub fn name(family: Family) -> &'static str {
    FAMILIES.iter().find(|(other, ..)| *other == family).map_or("", |(.., name)| name)
}

pub fn families() -> impl Iterator<Item = Family> {
    FAMILIES.iter().map(|(family, ..)| *family)
}

/// Replaces the colours of a drawing by the variables they stand for.
pub fn with_variables(svg: &str) -> String {
    let families = FAMILIES.iter().zip(FIRST..).map(|((_, variable, _), number)| (stand_in(number), *variable));
    let all = [(INK, "ink"), (MUTED, "muted"), (GRID, "grid")].into_iter().chain(families);
    all.fold(svg.to_owned(), |svg, (RGBColor(red, green, blue), variable)| {
        svg.replace(&format!("\"#{red:02X}{green:02X}{blue:02X}\""), &format!("\"var(--{variable})\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_becomes_a_variable() {
        let svg = format!("<a fill=\"#0{}0000\" stroke=\"#010000\"/>", "A");
        assert_eq!(with_variables(&svg), "<a fill=\"var(--ours)\" stroke=\"var(--ink)\"/>");
        assert!(families().all(|family| !variable(family).is_empty() && !name(family).is_empty()));
    }
}
