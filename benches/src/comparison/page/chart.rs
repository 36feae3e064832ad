//! The charts, as SVG.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::paint::{self, GRID, INK, MUTED};
use crate::comparison::results::{Outcome, Row};
use crate::comparison::terminal::time;
use crate::contest::Family;

/// A drawing that fails has a bug: it is done in memory.
type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

const WIDTH: u32 = 1020;
const FONT: &str = "sans-serif";
const SMALL: i32 = 17;
/// Where the names of lines stand.
const LABELS: u32 = 230;

fn text(colour: &RGBColor, horizontal: HPos) -> TextStyle<'_> {
    (FONT, SMALL).into_font().color(colour).pos(Pos::new(horizontal, VPos::Center))
}

/// Draws on an area of this height and returns the SVG.
fn draw(height: u32, paint: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Drawn<()>) -> String {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        paint(&root).expect("a chart can be drawn in memory");
        root.present().expect("a chart can be drawn in memory");
    }
    paint::with_variables(&svg)
}

/// One line of a chart.
pub struct Series {
    pub name: String,
    pub colour: RGBColor,
    /// Its number among those of the same colour, told by the line's form.
    pub form: usize,
    /// From left to right: the position on the axis, and the value.
    pub points: Vec<(i32, f64)>,
}

/// Throughput over the number of threads, of those that are waited for or of those beside them: more is better.
pub fn scaling(outcome: &Outcome, beside: bool) -> String {
    let threads = outcome.threads();
    let position = |row: &Row| threads.iter().position(|&count| count == row.threads).unwrap_or(0) as i32;
    let mut series: Vec<Series> = Vec::new();
    for row in outcome.rows.iter().filter(|row| row.beside == beside) {
        let point = (position(row), 1e3 / row.nanoseconds.median);
        let colour = paint::of(row.family);
        match series.iter_mut().find(|series| series.name == row.competitor) {
            Some(known) => known.points.push(point),
            None => {
                let form = series.iter().filter(|other| other.colour == colour).count();
                series.push(Series { name: row.competitor.clone(), colour, form, points: vec![point] });
            }
        }
    }
    let ticks: Vec<String> = threads.iter().map(ToString::to_string).collect();
    lines(&series, &ticks, "threads", "million operations a second (logarithmic)")
}

/// Lines over named positions, with a logarithmic axis of values.
pub fn lines(series: &[Series], ticks: &[String], x_title: &str, y_title: &str) -> String {
    let values = || series.iter().flat_map(|series| &series.points).map(|point| point.1);
    let (low, high) = bounds(values());
    let last = (ticks.len() as i32 - 1).max(1);
    // Room for the names at the right.
    let height = (60 + 18 * series.len() as u32).max(380);
    draw(height, |root| {
        let mut chart = ChartBuilder::on(root)
            .margin_top(12)
            .margin_right(LABELS)
            .x_label_area_size(56)
            .y_label_area_size(84)
            .build_cartesian_2d(0..last, (low..high).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(MUTED)
            .x_labels(ticks.len())
            .x_label_formatter(&|position| ticks.get(*position as usize).cloned().unwrap_or_default())
            .y_label_formatter(&|value| short(*value))
            .label_style((FONT, SMALL).into_font().color(&INK))
            .axis_desc_style((FONT, SMALL).into_font().color(&INK))
            .x_desc(x_title)
            .y_desc(y_title)
            .draw()?;
        for Series { colour, form, points, .. } in series {
            // Ours is found without its colour, too.
            let style = colour.stroke_width(if *colour == paint::of(Family::Ours) { 4 } else { 2 });
            let points = || points.iter().copied();
            match form {
                0 => chart.draw_series(LineSeries::new(points(), style))?,
                form => chart.draw_series(DashedLineSeries::new(points(), 9 - 2 * (*form as u32).min(3), 4, style))?,
            };
            for point in points() {
                root.draw(&marker(chart.backend_coord(&point), *form, *colour))?;
            }
        }
        let ends: Vec<(i32, &Series)> =
            series.iter().filter_map(|series| Some((chart.backend_coord(series.points.last()?).1, series))).collect();
        name_lines(root, ends, height as i32 - 64, chart.backend_coord(&(last, low)).0)
    })
}

/// Writes the names of lines beside their ends, moved apart where they would overlap.
fn name_lines(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    mut ends: Vec<(i32, &Series)>,
    bottom: i32,
    edge: i32,
) -> Drawn<()> {
    const APART: i32 = 18;
    ends.sort_by_key(|(y, _)| *y);
    let mut places: Vec<i32> = Vec::new();
    for (y, _) in &ends {
        let next = places.last().map_or(i32::MIN, |last| last + APART);
        places.push((*y).max(next));
    }
    // From below: nothing is under the axis.
    let mut limit = bottom;
    for place in places.iter_mut().rev() {
        *place = (*place).min(limit);
        limit = *place - APART;
    }
    for ((y, series), place) in ends.iter().zip(places) {
        let leader = [(edge + 6, *y), (edge + 22, place)];
        root.draw(&PathElement::new(leader, series.colour.stroke_width(1)))?;
        root.draw(&Text::new(series.name.clone(), (edge + 26, place), text(&series.colour, HPos::Left)))?;
    }
    Ok(())
}

/// A row of a chart of dots: its name, and values from the least to the greatest.
pub struct Dots {
    pub name: String,
    pub colour: RGBColor,
    /// Where its dots are, each with the form of its mark.
    pub values: Vec<(f64, usize)>,
    pub note: String,
}

/// Times with one number of threads, fastest first: less is better. Where single operations were timed: the median, one in a
/// hundred and one in a thousand.
pub fn times(outcome: &Outcome, threads: usize, beside: bool) -> String {
    let mut rows: Vec<&Row> =
        outcome.rows.iter().filter(|row| row.threads == threads && row.beside == beside).collect();
    rows.sort_by(|a, b| a.nanoseconds.median.total_cmp(&b.nanoseconds.median));
    let dots: Vec<Dots> = rows
        .iter()
        .map(|row| {
            let spread = row.nanoseconds;
            let (values, note) = match row.tail {
                Some(tail) => (
                    vec![(tail.p50, 0), (tail.p99, 1), (tail.p999, 2)],
                    format!("{} / {} / {} ns", time(tail.p50), time(tail.p99), time(tail.p999)),
                ),
                None => {
                    (vec![(spread.q1, 3), (spread.median, 0), (spread.q3, 3)], format!("{} ns", time(spread.median)))
                }
            };
            Dots { name: row.competitor.clone(), colour: paint::of(row.family), values, note }
        })
        .collect();
    let title = match rows.iter().any(|row| row.tail.is_some()) {
        true => {
            "ns an operation: half of them (full), one in 100 (ring), one in 1000 (triangle) take longer (logarithmic)"
        }
        false => "ns an operation: median, and quartiles as crosses (logarithmic)",
    };
    dotted(&dots, title)
}

/// Rows of dots over a logarithmic axis.
pub fn dotted(rows: &[Dots], title: &str) -> String {
    const ROW: u32 = 26;
    const NOTES: u32 = 230;
    let (low, high) = bounds(rows.iter().flat_map(|row| &row.values).map(|value| value.0));
    let count = rows.len() as i32;
    draw(ROW * (rows.len() as u32 + 1) + 66, |root| {
        let mut chart = ChartBuilder::on(root)
            .margin_top(8)
            .margin_right(NOTES)
            .x_label_area_size(56)
            .y_label_area_size(LABELS)
            .build_cartesian_2d((low..high).log_scale(), 0.0..f64::from(2 * (count + 1)))?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(5)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(MUTED)
            .x_label_formatter(&|value| short(*value))
            .label_style((FONT, SMALL).into_font().color(&INK))
            .axis_desc_style((FONT, SMALL).into_font().color(&INK))
            .x_desc(title)
            .draw()?;
        let (left, right) = (chart.backend_coord(&(low, 0.0)).0, chart.backend_coord(&(high, 0.0)).0);
        for (number, row) in rows.iter().enumerate() {
            let y = f64::from(2 * (count - number as i32));
            let at = |value: f64| chart.backend_coord(&(value, y));
            let ends: Vec<(i32, i32)> = row.values.iter().map(|value| at(value.0)).collect();
            root.draw(&PathElement::new(ends, row.colour.stroke_width(2)))?;
            for &(value, form) in &row.values {
                root.draw(&marker(at(value), form, row.colour))?;
            }
            let height = at(low).1;
            root.draw(&Text::new(row.name.clone(), (left - 10, height), text(&row.colour, HPos::Right)))?;
            root.draw(&Text::new(row.note.clone(), (right + 10, height), text(&INK, HPos::Left)))?;
        }
        Ok(())
    })
}

/// A mark whose form tells what is of one colour apart.
fn marker<'a, DB: DrawingBackend + 'a>(
    point: (i32, i32),
    form: usize,
    colour: RGBColor,
) -> plotters::element::DynElement<'a, DB, (i32, i32)> {
    match form {
        0 => Circle::new(point, 5, colour.filled()).into_dyn(),
        1 => Circle::new(point, 5, colour.stroke_width(2)).into_dyn(),
        2 => TriangleMarker::new(point, 6, colour.filled()).into_dyn(),
        _ => Cross::new(point, 3, colour.stroke_width(2)).into_dyn(),
    }
}

/// Returns the ends of a logarithmic axis that has room for all values.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    match low.is_finite() {
        true => (low / 1.3, high * 1.3),
        false => (1.0, 10.0),
    }
}

/// Shows a number of an axis.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", trimmed(value / 1e6)),
        value if value >= 1e3 => format!("{} k", trimmed(value / 1e3)),
        value => trimmed(value),
    }
}

/// Shows two digits at most.
fn trimmed(value: f64) -> String {
    let decimals = (1.0 - value.log10().floor()).clamp(0.0, 6.0) as usize;
    let shown = format!("{value:.decimals$}");
    match shown.contains('.') {
        true => shown.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::results::tests::{results, row};

    #[test]
    fn numbers_on_axes_are_short() {
        for (value, shown) in [(0.05, "0.05"), (1.0, "1"), (12.5, "12"), (1500.0, "1.5 k"), (2e6, "2 M")] {
            assert_eq!(short(value), shown);
        }
    }

    #[test]
    fn a_chart_names_everybody_and_has_no_fixed_colour() {
        let rows = [1, 2, 8].map(|threads| row("ours", Family::Ours, threads, 20.0, 0.5));
        let others = [1, 2, 8].map(|threads| row("a mutex", Family::Mutex, threads, 40.0, 1.0));
        let results = results(rows.into_iter().chain(others).collect());
        for svg in [scaling(&results.contests[0], false), times(&results.contests[0], 2, false)] {
            assert!(svg.contains("ours") && svg.contains("a mutex"), "{svg}");
            assert!(svg.contains("var(--ours)") && svg.contains("var(--mutex)") && !svg.contains("\"#"), "{svg}");
        }
    }
}
