//! The report as a picture: a panel for each case, a line for each server, from the
//! lower to the upper quartile, with a dot at the median.

use std::fmt::{self, Display};

use crate::statistics::Summary;

#[derive(Debug)]
pub(crate) struct Chart {
    pub(super) title: String,
    /// A second line.
    pub(super) machine: String,
    pub(super) panels: Vec<Panel>,
}

#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    /// What the floor has, if that is to be marked.
    pub(super) mark: Option<f64>,
    pub(super) rows: Vec<(&'static str, Summary)>,
}

const COLUMNS: usize = 3;
const WIDTH: usize = 400;
const LABEL: usize = 135;
const VALUE: usize = 60;
const ROW: usize = 18;
const HEAD: usize = 30;
const GAP: usize = 24;
const TOP: usize = 60;

impl Panel {
    fn height(&self) -> usize {
        HEAD + self.rows.len() * ROW + GAP
    }

    /// Draws it with its corner at this place.
    fn draw(&self, f: &mut fmt::Formatter<'_>, x: usize, y: usize) -> fmt::Result {
        let most = self.rows.iter().map(|(_, summary)| summary.high);
        let most = most.chain(self.mark).fold(0.0, f64::max) * 1.05;
        let left = (x + LABEL) as f64;
        let width = (WIDTH - LABEL - VALUE) as f64;
        let at = |figure: f64| left + width * figure / most;
        let title = escaped(&self.title);
        writeln!(
            f,
            r#"<text class="case" x="{x}" y="{}">{title}</text>"#,
            y + 16
        )?;
        if let Some(mark) = self.mark {
            let (bottom, mark) = (y + self.height() - GAP, at(mark));
            writeln!(
                f,
                r#"<line class="mark" x1="{mark:.1}" x2="{mark:.1}" y1="{}" y2="{bottom}"/>"#,
                y + HEAD - 6
            )?;
        }
        for (place, (name, summary)) in self.rows.iter().enumerate() {
            let Summary { low, median, high } = *summary;
            let middle = y + HEAD + place * ROW + ROW / 2;
            let own = if name.starts_with("netpoll") {
                " own"
            } else {
                ""
            };
            let text = middle + 4;
            let decimals = if median < 100.0 { 2 } else { 0 };
            writeln!(
                f,
                r#"<text class="name{own}" x="{}" y="{text}">{name}</text>"#,
                x + LABEL - 8
            )?;
            writeln!(
                f,
                r#"<line class="zero" x1="{left:.1}" x2="{:.1}" y1="{middle}" y2="{middle}"/>"#,
                at(median)
            )?;
            writeln!(
                f,
                r#"<line class="half{own}" x1="{:.1}" x2="{:.1}" y1="{middle}" y2="{middle}"/>"#,
                at(low),
                at(high)
            )?;
            writeln!(
                f,
                r#"<circle class="dot{own}" cx="{:.1}" cy="{middle}" r="4"/>"#,
                at(median)
            )?;
            writeln!(
                f,
                r#"<text class="value" x="{}" y="{text}">{median:.decimals$}</text>"#,
                x + WIDTH
            )?;
        }
        Ok(())
    }
}

const STYLE: &str = "\
text { font: 12px sans-serif; fill: #222 }
.title { font-size: 14px }
.machine { fill: #555 }
.case { font-weight: bold }
.name { text-anchor: end }
.name.own { font-weight: bold }
.value { text-anchor: end; fill: #555 }
.mark { stroke: #aaa; stroke-dasharray: 3 3 }
.zero { stroke: #ddd; stroke-width: 2 }
.half { stroke: #7a8fa6; stroke-width: 5 }
.half.own { stroke: #e39a5c }
.dot { fill: #34506e }
.dot.own { fill: #c0560c }";

impl Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&[Panel]> = self.panels.chunks(COLUMNS).collect();
        let height = |line: &[Panel]| line.iter().map(Panel::height).max().unwrap_or(0);
        let width = COLUMNS * (WIDTH + GAP) + GAP;
        let total = TOP + lines.iter().map(|line| height(line)).sum::<usize>() + GAP;
        writeln!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" viewBox="0 0 {width} {total}">"#
        )?;
        writeln!(f, "<style>{STYLE}</style>")?;
        writeln!(f, r#"<rect width="100%" height="100%" fill="white"/>"#)?;
        for (class, text, y) in [("title", &self.title, 24), ("machine", &self.machine, 44)] {
            let text = escaped(text);
            writeln!(
                f,
                r#"<text class="{class}" x="{GAP}" y="{y}">{text}</text>"#
            )?;
        }
        let mut y = TOP;
        for line in lines {
            for (place, panel) in line.iter().enumerate() {
                panel.draw(f, GAP + place * (WIDTH + GAP), y)?;
            }
            y += height(line);
        }
        writeln!(f, "</svg>")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_every_panel_is_drawn() {
        let summary = |median| Summary {
            low: median,
            median,
            high: median,
        };
        let panel = |title: &str| Panel {
            title: title.to_owned(),
            mark: Some(1.0),
            rows: vec![("raw", summary(1.0)), ("netpoll", summary(2.0))],
        };
        let chart = Chart {
            title: "a & b".to_owned(),
            machine: String::new(),
            panels: ["1", "2", "3", "4"].map(panel).into(),
        };
        let drawn = chart.to_string();
        assert_eq!(drawn.matches("<circle").count(), 8);
        assert_eq!(drawn.matches(">2.00<").count(), 4);
        assert!(drawn.contains("a &amp; b"));
        assert!(drawn.trim_end().ends_with("</svg>"));
    }
}
