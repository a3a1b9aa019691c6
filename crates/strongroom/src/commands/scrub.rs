//! `strongroom scrub`: reads everything back and checks it.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;

use super::{Failure, print};
use crate::admin::{Admin, AdminClient, Command, Progress, ScrubAnswer};
use crate::cli::ScrubFlags;
use crate::config::Settings;
use crate::offline;
use crate::place::data_dir;

/// Scrubs and prints the report; damage is a failure.
pub(crate) fn scrub(settings: &Settings, flags: &ScrubFlags) -> Result<(), Failure> {
    let bar = Bar::new(!flags.json && io::stderr().is_terminal());
    let report = match AdminClient::connect(&data_dir(&settings.data)?)? {
        Some(client) => client.ask(&Command::Scrub {}, |step| bar.show(step))?,
        None => offline::run(settings, async |admin| watched(admin, &bar).await)?,
    };
    bar.end();
    print(&if flags.json { json(&report)? } else { readable(&report) })?;
    match report.damage.len() {
        0 => Ok(()),
        1 => Err(Failure::new("one thing is damaged")),
        many => Err(Failure::new(format!("{many} things are damaged"))),
    }
}

async fn watched(admin: &dyn Admin, bar: &Bar) -> Result<ScrubAnswer, Failure> {
    let (sender, mut progress) = mpsc::channel(PROGRESS_QUEUE);
    let mut work = admin.scrub(sender);
    loop {
        tokio::select! {
            done = &mut work => return done.map_err(Failure::new),
            Some(step) = progress.recv() => bar.show(step),
        }
    }
}

/// A progress bar, if somebody watches.
#[derive(Debug)]
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(watched: bool) -> Self {
        let bar = watched.then(|| {
            let bar = ProgressBar::new(0);
            // A template that is not valid would show the plain bar.
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar
        });
        Self(bar)
    }

    fn show(&self, step: Progress) {
        if let Some(bar) = &self.0 {
            bar.set_length(step.total_bytes);
            bar.set_position(step.done_bytes);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn json(report: &ScrubAnswer) -> Result<String, Failure> {
    let counts: serde_json::Map<_, _> = report
        .counts
        .iter()
        .map(|(name, count)| (name.clone(), serde_json::Value::from(*count)))
        .collect();
    let report = serde_json::json!({ "counts": counts, "damage": report.damage });
    Ok(format!("{}\n", serde_json::to_string_pretty(&report)?))
}

fn readable(report: &ScrubAnswer) -> String {
    let mut out = String::new();
    for (name, count) in &report.counts {
        out.push_str(&format!("{count:>16} {}\n", name.replace('_', " ")));
    }
    for damage in &report.damage {
        out.push_str(&format!("damaged: {damage}\n"));
    }
    if report.damage.is_empty() {
        out.push_str("everything reads back as it was written\n");
    }
    out
}

const PROGRESS_QUEUE: usize = 4;
const TEMPLATE: &str = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}";

#[cfg(test)]
mod tests {
    use super::*;

    fn report(damage: &[&str]) -> ScrubAnswer {
        ScrubAnswer {
            counts: vec![("log_frames".to_owned(), 7), ("blobs".to_owned(), 2)],
            damage: damage.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    #[test]
    fn a_clean_report_says_so_and_damage_is_named() {
        let clean = readable(&report(&[]));
        assert!(clean.contains("7 log frames\n") && clean.ends_with("as it was written\n"));
        let damaged = readable(&report(&["blob 3"]));
        assert!(damaged.ends_with("damaged: blob 3\n"), "{damaged}");
    }

    #[test]
    fn the_json_report_is_json() {
        let text = json(&report(&["blob \"3\""])).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["counts"]["log_frames"], 7);
        assert_eq!(read["damage"][0], "blob \"3\"");
    }

    #[test]
    fn the_template_of_the_bar_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
