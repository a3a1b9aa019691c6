//! The table: what was measured beside what is wanted.

use std::fmt::Write;

use serde_json::{Value, json};

/// In which unit a row is measured, and which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Operations; more is better.
    PerSecond,
    /// Bytes, 10^9 of them; more is better.
    GigabytesPerSecond,
    /// Less is better.
    Milliseconds,
    /// 10^6 bytes; less is better.
    Megabytes,
}

impl Unit {
    fn text(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::GigabytesPerSecond => "GB/s",
            Self::Milliseconds => "ms",
            Self::Megabytes => "MB",
        }
    }

    fn reaches(self, measured: f64, wanted: f64) -> bool {
        match self {
            Self::PerSecond | Self::GigabytesPerSecond => measured >= wanted,
            Self::Milliseconds | Self::Megabytes => measured <= wanted,
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{value:.0} {}", self.text()),
            Self::Megabytes => format!("{value:.1} {}", self.text()),
            _ => format!("{value:.3} {}", self.text()),
        }
    }
}

/// One row.
#[derive(Debug)]
pub struct Row {
    pub workload: String,
    pub unit: Unit,
    /// What must be reached, and what should be.
    pub floor: Option<f64>,
    pub aim: Option<f64>,
    pub measured: f64,
    /// Milliseconds at the 50th and 99th percentile.
    pub latency: Option<(f64, f64)>,
    /// Processor microseconds of one operation: server's and load generator's.
    pub processor: Option<(f64, f64)>,
}

/// All rows as plain text.
pub fn text(rows: &[Row]) -> String {
    let header =
        ["workload", "floor", "aim", "measured", "", "p50 ms", "p99 ms", "server us", "client us"];
    let mut cells = vec![header.map(str::to_owned)];
    cells.extend(rows.iter().map(Row::cells));
    let width =
        |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 9] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &cells {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            // INVARIANT: writing to a `String` does not fail.
            let _ = write!(line, "  {cell:>width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// One row as a line, for whoever waits.
pub fn line(row: &Row) -> String {
    let measured = row.unit.show(row.measured);
    format!("{:<44}{measured:>14} {}", row.workload, row.verdict()).trim_end().to_owned()
}

/// All rows as JSON.
pub fn json(rows: &[Row], machine: &Value) -> Value {
    let rows: Vec<_> = rows.iter().map(Row::json).collect();
    json!({ "machine": machine, "rows": rows })
}

impl Row {
    fn cells(&self) -> [String; 9] {
        let wanted =
            |value: Option<f64>| value.map_or(String::new(), |value| self.unit.show(value));
        let pair = |pair: Option<(f64, f64)>, digits: usize| match pair {
            Some((first, second)) => [format!("{first:.digits$}"), format!("{second:.digits$}")],
            None => [String::new(), String::new()],
        };
        let [p50, p99] = pair(self.latency, 2);
        let [server, client] = pair(self.processor, 1);
        let verdict = self.verdict().to_owned();
        let measured = self.unit.show(self.measured);
        [
            self.workload.clone(),
            wanted(self.floor),
            wanted(self.aim),
            measured,
            verdict,
            p50,
            p99,
            server,
            client,
        ]
    }

    fn verdict(&self) -> &'static str {
        let reached =
            |wanted: Option<f64>| wanted.map(|wanted| self.unit.reaches(self.measured, wanted));
        match (reached(self.floor), reached(self.aim)) {
            (_, Some(true)) => "aim",
            (Some(true), _) => "floor",
            (Some(false), _) => "BELOW",
            (None, _) => "",
        }
    }

    fn json(&self) -> Value {
        json!({
            "workload": self.workload,
            "unit": self.unit.text(),
            "floor": self.floor,
            "aim": self.aim,
            "measured": self.measured,
            "p50_ms": self.latency.map(|latency| latency.0),
            "p99_ms": self.latency.map(|latency| latency.1),
            "server_us": self.processor.map(|processor| processor.0),
            "client_us": self.processor.map(|processor| processor.1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(unit: Unit, floor: f64, aim: f64, measured: f64) -> Row {
        let (floor, aim) = (Some(floor), Some(aim));
        Row { workload: "w".to_owned(), unit, floor, aim, measured, latency: None, processor: None }
    }

    #[test]
    fn more_is_better_of_rates_and_less_of_times() {
        assert_eq!(row(Unit::PerSecond, 10.0, 20.0, 20.0).verdict(), "aim");
        assert_eq!(row(Unit::PerSecond, 10.0, 20.0, 19.0).verdict(), "floor");
        assert_eq!(row(Unit::PerSecond, 10.0, 20.0, 9.0).verdict(), "BELOW");
        assert_eq!(row(Unit::Milliseconds, 2.0, 1.0, 2.0).verdict(), "floor");
        assert_eq!(row(Unit::Milliseconds, 2.0, 1.0, 2.1).verdict(), "BELOW");
    }

    #[test]
    fn columns_line_up() {
        let text =
            text(&[row(Unit::PerSecond, 1.0, 2.0, 30_000.0), row(Unit::Megabytes, 1.0, 2.0, 3.0)]);
        let positions: Vec<_> = text.lines().skip(1).map(|line| line.find('/').is_some()).collect();
        assert_eq!(positions, [true, false]);
        assert!(text.lines().all(|line| !line.ends_with(' ')));
    }
}
