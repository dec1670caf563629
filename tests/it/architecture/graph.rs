//! Which file of the library names items of which other file, and the circles among them. A
//! re-export counts as a use of the file that defines the item; methods are not edges.

use std::collections::{BTreeMap, BTreeSet};

/// A module path below the crate, such as `["http", "error"]`.
pub type Module = Vec<String>;

/// The files of the library and the edges between them.
pub struct Graph {
    pub edges: BTreeMap<Module, BTreeSet<Module>>,
}

struct File {
    code: String,
    /// The path that each name in scope stands for, as written in the import.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths named in private imports; a re-export alone uses nothing.
    used: Vec<Vec<String>>,
}

impl Graph {
    /// Builds the graph from the module path and the code of each file, without comments and tests.
    pub fn of(sources: impl IntoIterator<Item = (Module, String)>) -> Self {
        let files: BTreeMap<Module, File> =
            sources.into_iter().map(|(module, code)| (module, File::parse(&code))).collect();
        let edges = files.keys().map(|module| (module.clone(), edges_of(&files, module)));
        Self { edges: edges.collect() }
    }

    /// Returns the circles: sets of two or more files in which each file reaches all others.
    pub fn circles(&self) -> Vec<BTreeSet<Module>> {
        let reach: BTreeMap<_, _> =
            self.edges.keys().map(|module| (module, self.reachable(module))).collect();
        let mut circles: Vec<BTreeSet<Module>> = Vec::new();
        for (module, far) in &reach {
            let circle: BTreeSet<Module> = far
                .iter()
                .filter(|other| reach.get(other).is_some_and(|back| back.contains(*module)))
                .cloned()
                .collect();
            if circle.len() > 1 && !circles.contains(&circle) {
                circles.push(circle);
            }
        }
        circles
    }

    fn reachable(&self, from: &Module) -> BTreeSet<Module> {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = waiting.pop() {
            for next in self.edges.get(&module).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    waiting.push(next.clone());
                }
            }
        }
        seen
    }
}

impl File {
    fn parse(code: &str) -> Self {
        let (mut imports, mut used, mut rest) = (BTreeMap::new(), Vec::new(), String::new());
        let mut statements = code;
        while let Some((before, import, is_public, after)) = next_import(statements) {
            rest.push_str(before);
            for (path, name) in expand(&[], import) {
                if !is_public {
                    used.push(path.clone());
                }
                imports.insert(name, path);
            }
            statements = after;
        }
        rest.push_str(statements);
        let rest = rest.lines().filter(|line| !is_module(line)).collect::<Vec<_>>().join("\n");
        Self { code: rest, imports, used }
    }

    /// True if the file itself defines an item of this name.
    fn defines(&self, name: &str) -> bool {
        let kinds = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod"];
        kinds.iter().any(|kind| {
            let item = format!("{kind} {name}");
            self.code.match_indices(&item).any(|(at, _)| {
                let after = self.code[at + item.len()..].chars().next();
                let before = self.code[..at].chars().next_back();
                !after.is_some_and(is_in_word) && !before.is_some_and(is_in_word)
            })
        })
    }
}

/// Returns the next `use …;` at the start of a line: the code before it, its tree, whether it
/// re-exports, and the code after it.
fn next_import(code: &str) -> Option<(&str, &str, bool, &str)> {
    let mut from = 0;
    loop {
        let at = from + code[from..].find("use ")?;
        let line = &code[code[..at].rfind('\n').map_or(0, |end| end + 1)..at];
        let visibility = line.trim();
        let starts = visibility.is_empty()
            || (visibility.starts_with("pub") && !visibility.contains(char::is_whitespace));
        if starts {
            let end = at + code[at..].find(';')?;
            let begin = at - line.len();
            let is_public = !visibility.is_empty();
            return Some((&code[..begin], &code[at + 4..end], is_public, &code[end + 1..]));
        }
        from = at + 4;
    }
}

fn is_module(line: &str) -> bool {
    let line = line.trim();
    line.ends_with(';') && line.split_whitespace().any(|word| word == "mod")
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the paths of a tree of imports, each with the name that it has in scope.
fn expand(prefix: &[String], tree: &str) -> Vec<(Vec<String>, String)> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    let mut found = Vec::new();
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        let mut path = prefix.to_vec();
        if let Some((head, group)) = part.split_once('{') {
            path.extend(segments(head));
            found.extend(expand(&path, group.trim_end().trim_end_matches('}')));
            continue;
        }
        let (written, alias) = match part.split_once(" as ") {
            Some((written, alias)) => (written.trim(), Some(alias.trim().to_owned())),
            None => (part, None),
        };
        path.extend(segments(written).filter(|segment| segment != "self" || prefix.is_empty()));
        let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        found.push((path, name));
    }
    found
}

fn segments(path: &str) -> impl Iterator<Item = String> {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned)
}

fn edges_of(files: &BTreeMap<Module, File>, module: &Module) -> BTreeSet<Module> {
    let file = &files[module];
    let mut paths: Vec<Vec<String>> = file.used.clone();
    for path in written_paths(&file.code) {
        match file.imports.get(&path[0]) {
            _ if ["crate", "self", "super"].contains(&&*path[0]) => paths.push(path),
            Some(import) => paths.push([import.clone(), path[1..].to_vec()].concat()),
            None => paths.push(path),
        }
    }
    let absolute = paths.iter().filter_map(|path| absolute(files, module, path));
    let items = absolute.filter(|path| !files.contains_key(path));
    let owners = items.filter_map(|path| owner(files, &path, 0));
    owners.filter(|owner| owner != module && !owner.is_empty()).collect()
}

/// Returns all paths of two segments or more in the code.
fn written_paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for token in code.split(|c: char| !(is_in_word(c) || c == ':')) {
        let token = token.trim_matches(':');
        if token.contains("::") {
            found.push(segments(token).collect());
        }
    }
    found
}

fn absolute(
    files: &BTreeMap<Module, File>,
    module: &Module,
    path: &[String],
) -> Option<Vec<String>> {
    match path[0].as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module.clone(), path[1..].to_vec()].concat()),
        "super" => {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            let base = module.len().checked_sub(ups)?;
            Some([module[..base].to_vec(), path[ups..].to_vec()].concat())
        }
        first => {
            let child = [module.clone(), vec![first.to_owned()]].concat();
            files.contains_key(&child).then(|| [module.clone(), path.to_vec()].concat())
        }
    }
}

/// Returns the file that defines the item at an absolute path.
fn owner(files: &BTreeMap<Module, File>, path: &[String], depth: usize) -> Option<Module> {
    let known = (0..=path.len()).rev().find(|end| files.contains_key(&path[..*end]))?;
    let (module, rest) = path.split_at(known);
    let file = &files[module];
    let Some(item) = rest.first() else { return Some(module.to_vec()) };
    match file.imports.get(item) {
        Some(import) if !file.defines(item) && depth < 8 => {
            let import = absolute(files, &module.to_vec(), import)?;
            owner(files, &[import, rest[1..].to_vec()].concat(), depth + 1)
        }
        _ => Some(module.to_vec()),
    }
}
