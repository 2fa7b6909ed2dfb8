//! Figures of several servers as bars, in an SVG.

use std::fmt::Write as _;

/// A figure of all servers.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
}

/// One server's.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    /// As it is written beside the bar.
    pub(super) label: String,
}

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;
/// Where bars begin, and how long the longest is.
const LEFT: f64 = 130.0;
const LONGEST: f64 = 540.0;
const ROW: f64 = 22.0;
const TITLE: f64 = 34.0;

/// The panels below each other. Grey lines are the ranges.
pub(super) fn svg(panels: &[Panel]) -> String {
    let rows: usize = panels.iter().map(|panel| panel.bars.len()).sum();
    let height = MARGIN * 2.0 + TITLE * panels.len() as f64 + ROW * rows as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let mut y = MARGIN;
    for panel in panels {
        y = draw(&mut out, panel, y);
    }
    out + "</svg>\n"
}

/// Returns where the next panel begins.
fn draw(out: &mut String, panel: &Panel, top: f64) -> f64 {
    let title = escape(&panel.title);
    let baseline = top + 20.0;
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{baseline}\" font-weight=\"bold\" fill=\"#222222\">{title}</text>"
    );
    let longest = panel.bars.iter().map(|bar| bar.most).fold(0.0, f64::max);
    let scale = if longest > 0.0 {
        LONGEST / longest
    } else {
        0.0
    };
    let mut y = top + TITLE;
    for bar in &panel.bars {
        draw_bar(out, bar, scale, y);
        y += ROW;
    }
    y
}

fn draw_bar(out: &mut String, bar: &Bar, scale: f64, top: f64) {
    let baseline = top + 12.5;
    let middle = top + 8.0;
    let length = bar.median * scale;
    let (least, most) = (LEFT + bar.least * scale, LEFT + bar.most * scale);
    let after = most + 8.0;
    let fill = if bar.name.starts_with("starling") {
        "#1f6feb"
    } else {
        "#9aa4b2"
    };
    let (name, label) = (escape(&bar.name), escape(&bar.label));
    let before = LEFT - 8.0;
    let _ = writeln!(
        out,
        "<text x=\"{before}\" y=\"{baseline}\" text-anchor=\"end\" fill=\"#222222\">{name}</text>\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{length:.1}\" height=\"16\" fill=\"{fill}\"/>\
         <path d=\"M{least:.1} {middle}H{most:.1}\" stroke=\"#444444\"/>\
         <text x=\"{after:.1}\" y=\"{baseline}\" fill=\"#222222\">{label}</text>"
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_as_long_as_there_is_room() {
        let bar = |name: &str, median: f64| Bar {
            name: name.to_owned(),
            median,
            least: median,
            most: median,
            label: median.to_string(),
        };
        let picture = svg(&[Panel {
            title: "a < b".to_owned(),
            bars: vec![bar("limit", 5.0), bar("starling", 10.0)],
        }]);
        assert!(picture.contains("a &lt; b"), "{picture}");
        assert!(picture.contains("width=\"270.0\""), "{picture}");
        assert!(picture.contains("width=\"540.0\""), "{picture}");
    }
}
