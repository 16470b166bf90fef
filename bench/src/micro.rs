//! Compares what `cargo bench -p netpoll-bench` has measured: it leaves its figures in
//! `target/criterion`, and this reads them.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

/// What the others of a group are compared with, where the group has it.
const BASES: [&str; 2] = ["corosensei", "netpoll"];

/// Nanoseconds for each operation, by who did it, by how many took part.
type Group = BTreeMap<usize, Vec<(String, f64)>>;

/// Prints a table for each group of measurements.
pub(crate) fn compare() -> io::Result<()> {
    let program = std::env::current_exe()?;
    let target = program
        .parent()
        .and_then(Path::parent)
        .ok_or_else(|| io::Error::other("the program is in no folder"))?;
    let groups = read(&target.join("criterion"))?;
    if groups.is_empty() {
        let hint = "nothing is measured yet: run `cargo bench -p netpoll-bench` first";
        return Err(io::Error::new(io::ErrorKind::NotFound, hint));
    }
    for (name, group) in &groups {
        print!("{}", table(name, group));
    }
    Ok(())
}

/// All measurements below a folder: `group/who/how many/new/estimates.json`.
fn read(folder: &Path) -> io::Result<BTreeMap<String, Group>> {
    let mut groups = BTreeMap::<String, Group>::new();
    for group in folders(folder)? {
        for who in folders(&folder.join(&group))? {
            for many in folders(&folder.join(&group).join(&who))? {
                let leaf = folder.join(&group).join(&who).join(&many);
                let (Ok(many), Ok(text)) = (
                    many.parse(),
                    fs::read_to_string(leaf.join("new/estimates.json")),
                ) else {
                    continue;
                };
                let estimates: Value = serde_json::from_str(&text)?;
                if let Some(nanos) = estimates["median"]["point_estimate"].as_f64() {
                    let group = groups.entry(group.clone()).or_default();
                    group.entry(many).or_default().push((who.clone(), nanos));
                }
            }
        }
    }
    Ok(groups)
}

/// The names of the folders in one; none if that does not exist.
fn folders(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

fn table(name: &str, group: &Group) -> String {
    let mut table = format!("\n## {name}\n\n");
    for (many, figures) in group {
        let base = BASES
            .iter()
            .find_map(|base| figures.iter().find(|(who, _)| who == base));
        if group.len() > 1 {
            table += &format!("among {many}:\n\n");
        }
        let title = base.map_or("–", |(who, _)| who);
        table += &format!("| | ns | {title} = 1 |\n|---|--:|--:|\n");
        for (who, nanos) in figures {
            let ratio = base.map_or("–".to_owned(), |(_, base)| format!("{:.2}", nanos / base));
            table += &format!("| {who} | {nanos:.1} | {ratio} |\n");
        }
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_compared_with_the_base_of_their_line() {
        let figures = |base: f64| vec![("corosensei".into(), base), ("netpoll".into(), 9.0)];
        let group = Group::from([(1, figures(3.0)), (100, figures(4.5))]);
        let table = table("switch", &group);
        assert!(table.contains("| netpoll | 9.0 | 3.00 |"), "{table}");
        assert!(table.contains("| netpoll | 9.0 | 2.00 |"), "{table}");
    }

    #[test]
    fn what_criterion_leaves_is_found() {
        let folder = std::env::temp_dir().join(format!("netpoll-micro-{}", std::process::id()));
        let leaf = folder.join("switch/may/100/new");
        fs::create_dir_all(&leaf).unwrap();
        let estimates = r#"{"mean":{"point_estimate":1.0},"median":{"point_estimate":7.5}}"#;
        fs::write(leaf.join("estimates.json"), estimates).unwrap();
        let groups = read(&folder);
        fs::remove_dir_all(&folder).unwrap();
        let expected = Group::from([(100, vec![("may".to_owned(), 7.5)])]);
        assert_eq!(groups.unwrap()["switch"], expected);
    }

    #[test]
    fn what_does_not_exist_has_no_figures() {
        assert!(read(Path::new("/nowhere/at/all")).unwrap().is_empty());
    }
}
