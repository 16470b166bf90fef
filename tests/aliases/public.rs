//! What of a crate is public, and so in its documentation: by its source, whose modules and
//! `use` lines are followed. It has to be formatted as rustfmt does; modules within a file are
//! not looked into, so what only these name is not found.
//!
//! An alias of an item is found where one can name the module that declares it. Where a
//! `pub use` brings the item from a module that one cannot, rustdoc 1.95 forgets the aliases
//! of the item, and finds those of the `pub use`; so do later ones. That is where they stand.

use std::collections::{BTreeMap, BTreeSet};

/// The source of a crate: the text of each file, by its path below `src`.
pub(crate) type Files = BTreeMap<String, String>;

#[derive(Default)]
struct Crate<'a> {
    /// The modules that are files, by their paths: `event::state`, and nothing for the root.
    modules: BTreeMap<String, &'a str>,
    /// Those of them that one can name from outside.
    public: BTreeSet<String>,
    /// The items that one can, each with the module that has it.
    items: BTreeSet<(String, String)>,
}

/// What a search in the documentation finds: the names of public items, and the aliases of
/// those and of what they have.
pub(crate) fn findable(files: &Files) -> BTreeSet<&str> {
    let mut all = Crate::default();
    all.add_modules("", "lib.rs", files);
    all.publish("");
    let mut found = BTreeSet::new();
    for (module, text) in &all.modules {
        found.extend(all.aliases(module, text));
    }
    for (module, name) in &all.items {
        let declared = declarations(all.modules[module]).find(|declared| declared == name);
        found.extend(declared);
    }
    found
}

impl<'a> Crate<'a> {
    /// Adds a module, and those that it declares.
    fn add_modules(&mut self, path: &str, file: &str, files: &'a Files) {
        let text = files[file].as_str();
        self.modules.insert(path.to_owned(), text);
        let is_folder = file.ends_with("mod.rs") || file == "lib.rs";
        let folder = match file.rsplit_once('/') {
            Some((folder, _)) if is_folder => format!("{folder}/"),
            None if is_folder => String::new(),
            _ => format!("{}/", file.strip_suffix(".rs").unwrap()),
        };
        for (_, child) in module_lines(text) {
            let candidates = [
                format!("{folder}{child}.rs"),
                format!("{folder}{child}/mod.rs"),
            ];
            if let Some(file) = candidates.iter().find(|file| files.contains_key(*file)) {
                self.add_modules(&join(path, child), file, files);
            }
        }
    }

    /// Notes what one sees in a module that one can name.
    fn publish(&mut self, module: &str) {
        if !self.public.insert(module.to_owned()) {
            return;
        }
        let text = self.modules[module];
        for (is_public, child) in module_lines(text) {
            let child = join(module, child);
            if is_public && self.modules.contains_key(&child) {
                self.publish(&child);
            }
        }
        for name in declarations(text) {
            self.items.insert((module.to_owned(), name.to_owned()));
        }
        for path in used(text, "pub use ") {
            self.publish_path(module, &path);
        }
    }

    /// Notes what a `use` line of a module names.
    fn publish_path(&mut self, module: &str, path: &str) {
        let path = absolute(module, path);
        if self.modules.contains_key(&path) {
            return self.publish(&path);
        }
        let (home, name) = path.rsplit_once("::").unwrap_or(("", &path));
        let Some(&text) = self.modules.get(home) else {
            return; // Another crate's.
        };
        if declarations(text).any(|declared| declared == name) {
            self.items.insert((home.to_owned(), name.to_owned()));
            return;
        }
        let home = home.to_owned();
        for way in ["pub use ", "pub(crate) use ", "pub(super) use "] {
            for path in used(text, way) {
                if path.rsplit("::").next() == Some(name) {
                    self.publish_path(&home, &path);
                }
            }
        }
    }

    fn is_public(&self, module: &str, name: &str) -> bool {
        self.items.contains(&(module.to_owned(), name.to_owned()))
    }

    /// Whether the type of an `impl` in a module is.
    fn is_public_type(&self, module: &str, name: &str) -> bool {
        let declares = |kind: &str| self.modules[module].contains(&format!("{kind} {name}"));
        if declares("struct") || declares("enum") {
            return self.is_public(module, name);
        }
        self.items.iter().any(|(_, public)| public == name)
    }

    /// The aliases in a module that belong to something public.
    fn aliases(&self, module: &str, text: &'a str) -> Vec<&'a str> {
        let (mut found, mut aliases) = (Vec::new(), Vec::new());
        // What the lines are within, and whether that is public.
        let mut within = (false, "");
        let (mut attribute, mut is_exported) = (0, false);
        for line in text.lines() {
            let code = line.trim_start();
            if let Some(alias) = code.strip_prefix("#[doc(alias = \"") {
                aliases.extend(alias.split('"').next());
                continue;
            }
            if code.starts_with("//") || code.is_empty() {
                continue;
            }
            if attribute > 0 || code.starts_with("#[") {
                attribute += code.matches('[').count();
                attribute -= code.matches(']').count();
                is_exported |= code == "#[macro_export]";
                continue;
            }
            if line.starts_with(|c: char| c.is_alphabetic()) {
                within = match code.split([' ', '<']).next() {
                    Some("impl") => (self.is_public_type(module, implementor(code)), "impl"),
                    // What it makes is in the documentation of what it makes it for.
                    Some("macro_rules!") => (true, "impl"),
                    _ => {
                        let name = declared(code).unwrap_or_default();
                        let kind = code.strip_prefix("pub ").unwrap_or_default();
                        (self.is_public(module, name), kind)
                    }
                };
                let shows = declared(code).is_some() || code.starts_with("pub use ");
                if shows && self.public.contains(module) || is_exported {
                    found.append(&mut aliases);
                }
            } else {
                let (is_public, kind) = within;
                let is_part = kind.starts_with("trait") || kind.starts_with("enum");
                if is_public && (is_part || code.starts_with("pub ")) {
                    found.append(&mut aliases);
                }
            }
            is_exported = false;
            aliases.clear();
        }
        found
    }
}

fn join(module: &str, name: &str) -> String {
    match module {
        "" => name.to_owned(),
        _ => format!("{module}::{name}"),
    }
}

/// A path of a `use` line in a module, from the root of the crate.
fn absolute(module: &str, path: &str) -> String {
    if let Some(path) = path.strip_prefix("crate::") {
        return path.to_owned();
    }
    if let Some(path) = path.strip_prefix("super::") {
        let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
        return absolute(parent, path);
    }
    join(module, path.strip_prefix("self::").unwrap_or(path))
}

/// The modules that a file declares, and whether they are public.
fn module_lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.lines().filter_map(|line| {
        let (visibility, name) = line.strip_suffix(';')?.split_once("mod ")?;
        let is_one = visibility.is_empty() || visibility.starts_with("pub");
        is_one.then_some((visibility == "pub ", name))
    })
}

/// The name of what a line at the left margin declares as public.
fn declared(line: &str) -> Option<&str> {
    let mut rest = line.strip_prefix("pub ")?;
    for word in [
        "const ", "unsafe ", "async ", "struct ", "enum ", "trait ", "type ", "fn ",
    ] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()?;
    (!["", "use", "mod"].contains(&name)).then_some(name)
}

fn declarations(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(declared)
}

/// What the `use` lines of a file that begin like this name, whatever they call it.
fn used(text: &str, way: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for rest in format!("\n{text}").split(&format!("\n{way}")).skip(1) {
        let tree: String = rest
            .split(';')
            .next()
            .unwrap_or_default()
            .split('\n')
            .collect();
        leaves("", &tree, &mut paths);
    }
    paths
}

/// The paths of a `use` tree.
fn leaves(before: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((path, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        if !path.is_empty() {
            let whole = format!("{before}{path}");
            paths.push(whole.strip_suffix("::self").unwrap_or(&whole).to_owned());
        }
        return;
    };
    let group = group.strip_suffix('}').expect("braces are in pairs");
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                leaves(&format!("{before}{path}"), &group[start..at], paths);
                start = (at + 1).min(group.len());
            }
            _ => {}
        }
    }
}

/// The type whose methods these are.
fn implementor(line: &str) -> &str {
    let mut rest = line.strip_prefix("impl").unwrap();
    if rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.find(|c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth == 0
        });
        rest = &rest[end.unwrap() + 1..];
    }
    let name = rest.split(" for ").last().unwrap().trim_start();
    let name = name.split(['<', ' ']).next().unwrap();
    name.rsplit("::").next().unwrap()
}
