//! Circles among the files and folders of one folder.
//!
//! What the folder's own `mod.rs` exports of a file is that file's. Test modules may look back.

use std::collections::{BTreeMap, BTreeSet};

use crate::module_of;
use crate::tokens::{Token, tokens};

type Module = Vec<String>;
type Imports = BTreeMap<String, BTreeSet<String>>;

/// Returns a line for each circle in these files, which are given with their texts.
pub(crate) fn found(files: &[(String, String)]) -> Vec<String> {
    let files: Vec<(Module, Vec<Token>)> =
        files.iter().map(|(file, text)| (module_of(file), without_tests(tokens(text)))).collect();
    let folders: BTreeSet<Module> = files
        .iter()
        .filter(|(module, _)| module.len() > 1)
        .map(|(module, _)| module[..module.len() - 1].to_vec())
        .collect();
    folders.iter().filter_map(|folder| circle_in(folder, &imports_in(folder, &files))).collect()
}

/// Which file or folder of a folder imports which other one.
fn imports_in(folder: &Module, files: &[(Module, Vec<Token>)]) -> Imports {
    let of = |module: &Module| module.get(folder.len()).filter(|_| module.starts_with(folder)).cloned();
    let members: BTreeSet<String> = files.iter().filter_map(|(module, _)| of(module)).collect();
    let own = files.iter().find(|(module, _)| module == folder);
    // What the folder itself exports, and whose it is.
    let exported: BTreeMap<String, String> = own
        .into_iter()
        .flat_map(|(module, tokens)| paths(tokens, module))
        .filter_map(|path| Some((path.last()?.clone(), of(&path).filter(|member| members.contains(member))?)))
        .collect();
    let mut imports = Imports::new();
    for (module, tokens) in files {
        let Some(member) = of(module).filter(|_| !module.iter().any(|name| name == "tests")) else { continue };
        for path in paths(tokens, module) {
            let Some(name) = of(&path) else { continue };
            let target = if members.contains(&name) { Some(&name) } else { exported.get(&name) };
            if let Some(target) = target.filter(|target| **target != member) {
                imports.entry(member.clone()).or_default().insert(target.clone());
            }
        }
    }
    imports
}

/// Describes the first circle of a folder.
fn circle_in(folder: &Module, imports: &Imports) -> Option<String> {
    imports.keys().find_map(|start| {
        let mut way = vec![start.clone()];
        is_closed(start, imports, &mut way, &mut BTreeSet::new())
            .then(|| format!("src/{}: {} imports itself", folder.join("/"), way.join(" -> ")))
    })
}

/// Follows the imports of the last file of the way until they come back to its first one.
fn is_closed(start: &String, imports: &Imports, way: &mut Vec<String>, seen: &mut BTreeSet<String>) -> bool {
    let last = way.last().expect("it has a start").clone();
    for next in imports.get(&last).into_iter().flatten() {
        if next == start {
            way.push(next.clone());
            return true;
        }
        if seen.insert(next.clone()) {
            way.push(next.clone());
            if is_closed(start, imports, way, seen) {
                return true;
            }
            way.pop();
        }
    }
    false
}

/// Every path of a file that begins at the root, at the module itself, or above it: from the root.
fn paths(tokens: &[Token], module: &Module) -> Vec<Module> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    let children: BTreeSet<&str> =
        (1..tokens.len()).filter(|&at| text(at - 1) == "mod" && text(at + 1) == ";").map(text).collect();
    for at in 0..tokens.len() {
        if at > 0 && text(at - 1) == "::" {
            continue;
        }
        let mut prefix = module.clone();
        let next = match text(at) {
            "crate" => {
                prefix.clear();
                at + 1
            }
            "self" => at + 1,
            "super" => {
                let mut next = at;
                while text(next) == "super" {
                    prefix.pop();
                    next += if text(next + 1) == "::" && text(next + 2) == "super" { 2 } else { 1 };
                }
                next
            }
            // A folder names its own files without `self`.
            name if children.contains(name) && text(at + 1) == "::" => {
                prefix.push(name.to_owned());
                at + 1
            }
            _ => continue,
        };
        if text(next) == "::" {
            tree(tokens, next + 1, &prefix, &mut found);
        }
    }
    found
}

/// Reads `a::b`, or `{a, b::{c, d}}`; returns the place behind it.
fn tree(tokens: &[Token], mut at: usize, prefix: &Module, found: &mut Vec<Module>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut path = prefix.clone();
    loop {
        match text(at) {
            "{" => {
                at += 1;
                while !matches!(text(at), "}" | "") {
                    at = tree(tokens, at, &path, found);
                    // A renamed item is the same item.
                    while !matches!(text(at), "," | "}" | "") {
                        at += 1;
                    }
                    at += usize::from(text(at) == ",");
                }
                return at + 1;
            }
            "self" if path.len() > prefix.len() || text(at + 1) != "::" => {}
            name if name.starts_with(|sign: char| sign.is_alphabetic() || sign == '_') => path.push(name.to_owned()),
            _ => break,
        }
        at += 1;
        if text(at) != "::" {
            break;
        }
        at += 1;
    }
    found.push(path);
    at
}

/// Leaves the test modules of a file out.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept: Vec<Token> = Vec::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let is_brace = token.text == "{";
        kept.push(token);
        let ends_with_test = |kept: &[Token]| {
            kept.len() >= 10 && kept[kept.len() - 10..kept.len() - 3].iter().map(|token| token.text.as_str()).eq(TEST)
        };
        if is_brace && kept.len() >= 3 && kept[kept.len() - 3].text == "mod" && ends_with_test(&kept) {
            let mut depth = 1;
            while depth > 0 {
                match rest.next().as_ref().map(|token| token.text.as_str()) {
                    Some("{") => depth += 1,
                    Some("}") => depth -= 1,
                    Some(_) => {}
                    None => return kept,
                }
            }
        }
    }
    kept
}

mod the_test_itself {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        found(&files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn two_files_that_import_each_other_are_caught() {
        for (a, b) in [
            ("use super::b::B;", "use super::a::A;"),
            ("use super::{b::B, c::C};", "fn b() { crate::oauth::a::work() }"),
            ("use crate::oauth::{self, b};", "pub(super) use super::a;"),
            ("use super::b;", "mod inner { use super::super::a; } use crate::oauth::a::deep::A;"),
        ] {
            let found = circles(&[("oauth/mod.rs", "mod a; mod b;"), ("oauth/a.rs", a), ("oauth/b.rs", b)]);
            assert_eq!(found, ["src/oauth: a -> b -> a imports itself"], "{a} {b}");
        }
    }

    #[test]
    fn a_circle_through_what_the_folder_exports_is_caught() {
        for face in ["pub use a::A; use b::B;", "pub(crate) use self::{a::{A, Other as A2}, b::B};"] {
            let face = format!("mod a; mod b; {face}");
            let found = circles(&[("x/mod.rs", &face), ("x/a.rs", "use super::B;"), ("x/b.rs", "use crate::x::A;")]);
            assert_eq!(found, ["src/x: a -> b -> a imports itself"], "{face}");
        }
    }

    #[test]
    fn a_circle_of_three_is_caught_and_a_folder_counts_as_one() {
        let found = circles(&[
            ("x/mod.rs", "mod a; mod b; mod c;"),
            ("x/a.rs", "use super::b;"),
            ("x/b/mod.rs", "mod deep;"),
            ("x/b/deep.rs", "use super::super::c;"),
            ("x/c.rs", "use super::a;"),
        ]);
        assert_eq!(found, ["src/x: a -> b -> c -> a imports itself"]);
    }

    #[test]
    fn imports_that_make_no_circle_are_free() {
        let found = circles(&[
            ("x/mod.rs", "mod a; mod b; pub use a::A; pub struct Own;"),
            ("x/a.rs", "use super::{Own, b}; #[cfg(test)] mod tests { use super::*; use super::super::A; }"),
            ("x/b.rs", "use super::Own; #[cfg(test)] mod tests { use super::super::a; fn b() {} } use crate::y::a;"),
            ("x/b/tests.rs", "use super::super::a;"),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
