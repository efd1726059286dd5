//! The house of docs/architecture.md: imports go down only, and parts of one layer never import each other.
//!
//! Every `crate::` and `super::` path of `src` is read, in `use` lines and elsewhere, test modules included.
//! Between the files of one folder, imports make no circle (circles.rs).

mod circles;
mod tokens;

use std::fmt::Write as _;
use std::path::Path;

use tokens::{Token, tokens};

/// The layers from the bottom up. A new file gets a layer here, or belongs into a part that has one. The nouns know each
/// other in one direction, so they are three.
const HOUSE: &[(&str, &[&str])] = &[
    ("encoding", &["encoding"]),
    ("system", &["system"]),
    ("the first nouns", &["error"]),
    ("the nouns", &["profile", "token"]),
    ("the last nouns", &["config", "seal"]),
    ("the parts", &["cache", "fleet", "ledger", "oauth", "secrets"]),
    ("the keeper", &["keeper"]),
    ("open", &["open"]),
    ("manage", &["manage"]),
    ("the surface", &["consumers", "exit", "hints"]),
    ("the usage", &["usage"]),
    ("the programs", &["cli", "front"]),
];

/// The roots of the library and of the programs: these see everything, and no other file imports from them.
const ROOTS: &[&str] = &["lib.rs", "main.rs", "bin/front.rs"];

#[test]
fn imports_go_down_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    assert!(files.iter().any(|file| file == "lib.rs"), "the sources are in {}", source.display());
    let mut violations = String::new();
    for file in files {
        let text = std::fs::read_to_string(source.join(&file)).expect("a source file is text");
        for violation in violations_in(&file, &text) {
            let _ = writeln!(violations, "src/{violation}");
        }
    }
    assert!(violations.is_empty(), "\n{violations}");
}

#[test]
fn the_files_of_a_folder_make_no_circle() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    let read =
        |file: &String| (file.clone(), std::fs::read_to_string(source.join(file)).expect("a source file is text"));
    let circles = circles::found(&files.iter().map(read).collect::<Vec<_>>());
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

#[test]
fn one_file_has_unsafe_code() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    files.retain(|file| std::fs::read_to_string(source.join(file)).expect("text").contains("unsafe_code"));
    assert_eq!(files, ["system/stdout.rs"]);
}

fn collect(directory: &Path, files: &mut Vec<String>) {
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(next).expect("a directory of the checkout") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(directory).expect("it is below").to_str().expect("a plain name");
                files.push(relative.replace('\\', "/"));
            }
        }
    }
    files.sort();
}

/// What is wrong with one file, as `file:line: what`.
fn violations_in(file: &str, text: &str) -> Vec<String> {
    if ROOTS.contains(&file) {
        return Vec::new();
    }
    let module = module_of(file);
    let part = module[0].clone();
    let Some(layer) = layer_of(&part) else {
        return vec![format!("{file}:1: {part} has no layer: it is not in the table of tests/layers/main.rs")];
    };
    let mut violations = Vec::new();
    for Import { line, target } in imports(&tokens(text), &module) {
        let complaint = match target {
            Target::Hidden(what) => what.to_owned(),
            Target::Part(name) if name == part => continue,
            Target::Part(name) => match layer_of(&name) {
                None => format!("crate::{name} is no part of the house: name the part, not what lib.rs makes of it"),
                Some(other) if other > layer => format!("{} is above it, in {}", name, HOUSE[other].0),
                Some(other) if other == layer => format!("{name} is beside it"),
                Some(_) => continue,
            },
        };
        violations.push(format!("{file}:{line}: {part} is in {}: {complaint}", HOUSE[layer].0));
    }
    violations
}

fn layer_of(part: &str) -> Option<usize> {
    HOUSE.iter().position(|(_, parts)| parts.contains(&part))
}

/// `oauth/http.rs` is the module `oauth::http`, `oauth/mod.rs` is `oauth`.
fn module_of(file: &str) -> Vec<String> {
    let mut module: Vec<_> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.len() > 1 && module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

struct Import {
    line: usize,
    target: Target,
}

#[derive(Debug, PartialEq)]
enum Target {
    /// The first name below the crate's root.
    Part(String),
    /// A way of importing that this test could not follow.
    Hidden(&'static str),
}

/// Every path that leaves the module for the crate's root, from where it could reach any part.
fn imports(tokens: &[Token], module: &[String]) -> Vec<Import> {
    const ROOT: Target = Target::Hidden("the crate's root is imported as a whole");
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    // Inline modules that are open here, with the brace depth outside of each.
    let (mut depth, mut inline) = (0, Vec::<(usize, String)>::new());
    for (at, token) in tokens.iter().enumerate() {
        let mut import = |target| found.push(Import { line: token.line, target });
        match token.text.as_str() {
            "{" => {
                if at >= 2 && text(at - 2) == "mod" {
                    inline.push((depth, text(at - 1).to_owned()));
                }
                depth += 1;
            }
            "}" => {
                depth -= 1;
                inline.retain(|(outside, _)| *outside < depth);
            }
            "#" if text(at + 1) == "[" && text(at + 2) == "path" => {
                import(Target::Hidden("#[path] gives a module another place than its name says"));
            }
            "include" if text(at + 1) == "!" => import(Target::Hidden("include! brings in source from elsewhere")),
            "crate" | "super" | "self" if at == 0 || text(at - 1) != "::" => {
                let (mut next, mut level) = match token.text.as_str() {
                    "crate" => (at + 1, 0),
                    "super" => (at + 1, (module.len() + inline.len()).saturating_sub(1)),
                    _ => (at + 1, module.len() + inline.len()),
                };
                while text(next) == "::" && matches!(text(next + 1), "super" | "self") {
                    level = if text(next + 1) == "super" { level.saturating_sub(1) } else { level };
                    next += 2;
                }
                let is_visibility = at > 0 && text(at - 1) == "(" && text(next) == ")";
                if level > 0 || is_visibility {
                    continue;
                }
                match (text(next), text(next + 1)) {
                    ("::", "{") => group(tokens, next + 2).into_iter().for_each(&mut import),
                    ("::", "*") => import(ROOT),
                    ("::", name) => import(Target::Part(name.to_owned())),
                    _ => import(ROOT),
                }
            }
            _ => {}
        }
    }
    found
}

/// The first names of a group `{a::b, c::{d, e}, f}` that begins at `start`, behind its brace.
fn group(tokens: &[Token], start: usize) -> Vec<Target> {
    let (mut depth, mut is_first, mut targets) = (1, true, Vec::new());
    for token in &tokens[start..] {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => is_first = true,
            "*" | "self" if is_first => {
                targets.push(Target::Hidden("the crate's root is imported as a whole"));
                is_first = false;
            }
            name if is_first => {
                targets.push(Target::Part(name.to_owned()));
                is_first = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    targets
}

mod the_test_itself {
    use super::*;

    /// What is wrong with a file, without its place.
    fn complaints(file: &str, text: &str) -> Vec<String> {
        let strip = |violation: String| violation.splitn(3, ": ").nth(2).unwrap_or(&violation).to_owned();
        violations_in(file, text).into_iter().map(strip).collect()
    }

    #[test]
    fn a_name_stands_in_one_layer_only() {
        let mut names: Vec<_> = HOUSE.iter().flat_map(|(_, parts)| *parts).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn an_import_that_goes_down_is_free() {
        let text = "use crate::seal::Sealer;\nuse crate::{system::secret::Secret, token::{AccessToken, self}};\n";
        assert_eq!(complaints("cache/mod.rs", text), [""; 0]);
        assert_eq!(
            complaints("oauth/http.rs", "use super::wire; use crate::oauth::retry; use super::super::system;"),
            [""; 0]
        );
    }

    #[test]
    fn an_import_that_goes_up_is_caught_with_its_line() {
        let violations = violations_in("seal.rs", "//! Docs.\n\nuse crate::keeper::Keeper;\n");
        assert_eq!(violations, ["seal.rs:3: seal is in the last nouns: keeper is above it, in the keeper"]);
    }

    #[test]
    fn an_import_that_goes_sideways_is_caught() {
        for text in [
            "use crate::ledger;",
            "use crate::{system::Dir, ledger::{Slot, Holds}};",
            "use super::super::ledger::Slot;",
            "use self::super::super::ledger;",
            "pub(crate) use crate :: ledger::Slot;",
            "fn slot() -> crate::ledger::Slot { todo!() }",
            "macro_rules! slot { () => { $crate::ledger::Slot } }",
            "mod inner { use super::super::super::ledger; }",
            "mod a { mod b {} use super::super::super::ledger; }",
            "#[cfg(test)]\nmod tests {\n    use crate::ledger::memory;\n}",
        ] {
            assert_eq!(complaints("oauth/http.rs", text), ["ledger is beside it"], "{text}");
        }
        assert_eq!(complaints("oauth/mod.rs", "use super::ledger;"), ["ledger is beside it"]);
        assert_eq!(complaints("fleet.rs", "use super::ledger;"), ["ledger is beside it"]);
    }

    #[test]
    fn each_of_several_imports_is_judged_by_itself() {
        let text = "use crate::{open, seal, secrets, token};\nuse crate::cli::Args;";
        let expected = ["open is above it, in open", "secrets is beside it", "cli is above it, in the programs"];
        assert_eq!(complaints("ledger/mod.rs", text), expected);
    }

    #[test]
    fn a_file_without_a_layer_is_caught() {
        for file in ["helpers.rs", "helpers/mod.rs", "helpers/text.rs", "bin/other.rs"] {
            let violations = violations_in(file, "");
            assert!(violations.len() == 1 && violations[0].contains("has no layer"), "{violations:?}");
        }
        assert!(complaints("seal.rs", "use crate::helpers::text;")[0].starts_with("crate::helpers is no part"));
        assert!(complaints("seal.rs", "use crate::Secret;")[0].starts_with("crate::Secret is no part"));
    }

    #[test]
    fn an_import_that_could_not_be_followed_is_caught() {
        for text in [
            "use crate::*;",
            "use super::*;",
            "use crate as house;",
            "use super as house;",
            "use crate::{self as house};",
            "use crate::{*};",
            "#[path = \"../keeper.rs\"] mod keeper;",
            "include!(\"keeper.rs\");",
        ] {
            assert_eq!(complaints("seal.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_free() {
        for text in [
            "// use crate::keeper;",
            "/* use crate::keeper; /* use crate::open; */ use crate::cli; */",
            "/// [`crate::keeper::Keeper`]",
            "const A: &str = \"use crate::keeper; \\\" use crate::open;\";",
            "const A: &str = r#\"use crate::keeper; \" use crate::open;\"#;",
            "const A: &[u8] = br\"crate::keeper\"; const Q: char = '\"'; const B: char = '\\''; use crate::system;",
            "fn a<'a>(text: &'a str) -> &'a str { text } // crate::keeper",
            "pub(crate) struct A; pub(super) struct B; pub(in crate::seal) struct C;",
            "mod tests { use super::*; fn a(&self) { self.b(); Self::c() } }",
            "use std::{fmt, path::{self, Path}}; use keeper_of_bees::keeper;",
        ] {
            assert_eq!(complaints("seal.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_follows_a_literal_or_a_comment_is_still_read() {
        for text in [
            "const Q: char = '\"'; use crate::keeper;",
            "const Q: &str = r##\"a \"# b\"##; use crate::keeper;",
            "const Q: &str = \"\\\\\"; use crate::keeper;",
            "fn a<'a>() {} use crate::keeper; const E: char = 'é';",
            "/* a */ use crate::keeper;",
            "fn r() {} fn b() { let r = b; } use crate::keeper;",
        ] {
            assert_eq!(complaints("seal.rs", text), ["keeper is above it, in the keeper"], "{text}");
        }
    }

    #[test]
    fn the_roots_see_everything() {
        assert_eq!(complaints("lib.rs", "pub use crate::keeper::Keeper; pub use self::system::Secret;"), [""; 0]);
    }
}
