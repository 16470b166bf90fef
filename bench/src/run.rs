//! The benchmark itself: one case after the other.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args::Options;
use crate::cases::Kind;
use crate::plan::Plan;
use crate::raw_data::RawData;
use crate::report::Report;
use crate::{contest, idle};

/// Runs what the options ask for, and prints the report.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    allow_descriptors()?;
    let folder = match &options.out {
        Some(folder) => folder.clone(),
        None => folder()?,
    };
    fs::create_dir_all(&folder)?;
    let mut raw = RawData::create(&folder.join("raw.jsonl"))?;
    let plan = Plan::new(options)?;
    let mut report = Report::new(&plan);
    for case in &plan.cases {
        if case.kind == Kind::Idle {
            for server in plan.servers(case) {
                progress(&format!("{}: {}", case.name, server.name));
                let memory = idle::measure(&plan, case, server);
                if let Ok(memory) = &memory {
                    raw.memory(case, memory)?;
                }
                report.add_memory(case, server, memory);
            }
        } else if plan.servers(case).next().is_some() {
            report.add(contest::hold(&plan, case, &mut raw)?);
        }
        // A run that is interrupted leaves what it has.
        raw.flush()?;
        fs::write(folder.join("report.md"), report.to_string())?;
        fs::write(folder.join("chart.svg"), report.chart().to_string())?;
    }
    progress("");
    print!("{report}");
    println!("\nReport, chart and raw data: {}", folder.display());
    for warning in report.warnings() {
        eprintln!("WARNING: {warning}");
    }
    match report.failures().as_slice() {
        [] => Ok(()),
        failures => Err(io::Error::other(failures.join("\n"))),
    }
}

/// Lets the children open as many descriptors as the system permits.
fn allow_descriptors() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )?)
}

/// A new folder, in the one that the program was built into.
fn folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program
        .parent()
        .and_then(|profile| profile.parent())
        .ok_or_else(|| io::Error::other("the program is in no folder"))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(target.join("bench").join(now.as_millis().to_string()))
}

/// One line that is written over, if somebody watches.
pub(crate) fn progress(line: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
    }
}
