//! A picture of what a terminal showed, as SVG: the same bytes for the same screen.

use std::fmt::Write;
use std::num::NonZero;

use vt100::{Cell, Color, Parser};

/// A screen so high that nothing scrolls out of a picture.
const ROWS: u16 = 160;

/// The size of one character, in pixels, of a usual monospaced font of 14 pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 19.0;

/// The space around the text.
const MARGIN: f64 = 20.0;

/// What a terminal showed, line by line.
pub(crate) struct Picture {
    screen: Parser,
    columns: u16,
}

/// How a run of characters looks.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    colour: &'static str,
    bold: bool,
    dim: bool,
}

impl Picture {
    /// Takes what was sent to a terminal of so many columns.
    pub(crate) fn of(sent: &str, columns: u16) -> Self {
        let size = |count| NonZero::new(count).expect("a terminal has rows and columns");
        let mut screen = Parser::new(size(ROWS), size(columns), 0);
        screen.process(sent.as_bytes());
        Self { screen, columns }
    }

    /// Gives the lines up to the last that shows something.
    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents().trim_end().to_owned()
    }

    /// Draws it, with a title for those who cannot see it.
    pub(crate) fn svg(&self, title: &str) -> String {
        let shown = self.screen.screen().rows(0, self.columns).collect::<Vec<_>>();
        let last = shown.iter().rposition(|row| !row.trim().is_empty()).expect("it shows something");
        let count = u16::try_from(last + 1).expect("it fits");
        let width = f64::from(self.columns) * WIDTH + 2.0 * MARGIN;
        let height = f64::from(count) * HEIGHT + 2.0 * MARGIN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#16181d\"/>\n\
             <g font-family=\"ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" \
             xml:space=\"preserve\">\n",
            escaped(title)
        );
        for row in 0..count {
            self.draw_row(row, &mut svg);
        }
        svg.push_str("</g>\n</svg>\n");
        svg
    }

    fn draw_row(&self, row: u16, svg: &mut String) {
        let mut runs: Vec<(u16, Look, String, u16)> = Vec::new();
        for column in 0..self.columns {
            let Some(cell) = self.screen.screen().cell(row, column) else { continue };
            if !cell.has_contents() || cell.is_wide_continuation() || cell.contents() == " " {
                continue;
            }
            let (look, cells) = (Look::of(cell), if cell.is_wide() { 2 } else { 1 });
            match runs.last_mut() {
                Some((start, last, text, length)) if *last == look && *start + *length == column => {
                    text.push_str(cell.contents());
                    *length += cells;
                }
                _ => runs.push((column, look, cell.contents().to_owned(), cells)),
            }
        }
        let y = MARGIN + HEIGHT * (f64::from(row) + 0.75);
        for (start, look, text, length) in runs {
            let x = MARGIN + WIDTH * f64::from(start);
            let weight = if look.bold { " font-weight=\"bold\"" } else { "" };
            let dim = if look.dim { " opacity=\"0.6\"" } else { "" };
            // The length is said, so that columns stand below each other in whatever font there is.
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{:.1}\" fill=\"{}\"{weight}{dim}>{}</text>",
                WIDTH * f64::from(length),
                look.colour,
                escaped(&text)
            );
        }
    }
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let colour = match cell.fgcolor() {
            Color::Idx(1 | 9) => "#ff7b72",
            Color::Idx(2 | 10) => "#7ee787",
            Color::Idx(3 | 11) => "#e3b341",
            Color::Idx(4 | 12) => "#79c0ff",
            Color::Idx(5 | 13) => "#d2a8ff",
            Color::Idx(6 | 14) => "#76e3ea",
            Color::Idx(8) => "#8b949e",
            _ => "#dfe3e8",
        };
        Self { colour, bold: cell.bold(), dim: cell.dim() }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
