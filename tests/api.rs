//! docs/api.txt lists every public item of the library with its signature: a change of one is a line of a review.
//!
//! The list is read from what rustdoc writes, which is what a user sees. So no toolchain but the stable one is needed,
//! and no network.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const LIST: &str = "docs/api.txt";
const UPDATE: &str = "UPDATE_DOCS";

#[test]
fn the_list_of_public_items_is_complete() {
    let listed = listed(documented());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIST);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &listed).expect("the checkout can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let [new, old] = [&listed, &committed].map(|text| text.lines().collect::<BTreeSet<_>>());
    let changes: Vec<_> = (new.difference(&old).map(|line| format!("+ {line}")))
        .chain(old.difference(&new).map(|line| format!("- {line}")))
        .collect();
    assert!(
        listed == committed,
        "the public items differ from {LIST}:\n{}\nif that is right: {UPDATE}=1 cargo test --test api",
        changes.join("\n")
    );
}

#[test]
fn no_private_type_shows() {
    let pages = documented();
    let hidden: Vec<_> = pages.iter().flat_map(|page| page.items().filter_map(|item| item.unlinked())).collect();
    assert!(hidden.is_empty(), "these have no page of their own: {hidden:#?}");
}

/// A page of the documentation: one public item, and what belongs to it.
struct Page {
    /// `tokenkeep::store::FileStore`.
    path: String,
    html: String,
}

/// A declaration on a page.
struct Item<'a> {
    /// What follows the path of the page: `::open`, or nothing.
    name: String,
    html: &'a str,
}

/// Documents the library; returns the pages of its items.
fn documented() -> &'static [Page] {
    static PAGES: OnceLock<Vec<Page>> = OnceLock::new();
    PAGES.get_or_init(document)
}

fn document() -> Vec<Page> {
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test.ancestors().nth(3).expect("tests lie in TARGET/PROFILE/deps");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["doc", "--no-deps", "--lib", "--offline", "--quiet", "--target-dir"]).arg(target);
    // Flags of the test run make the documents no other; with them, every dependency would be checked again.
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUSTFLAGS").env_remove("RUSTDOCFLAGS");
    assert!(cargo.status().is_ok_and(|status| status.success()), "the documentation can be written");
    let root = target.join("doc/tokenkeep");
    let read = |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    // Pages of items that are gone stay in the folder, but not in this index.
    let index = read(root.join("all.html"));
    let links =
        between(&index, "<li><a href=\"", "\"").filter(|link| link.ends_with(".html") && !link.ends_with("index.html"));
    let pages: Vec<_> = links.map(|link| Page { path: path_of(link), html: read(root.join(link)) }).collect();
    assert!(pages.len() > 50, "the index of the documentation was not read");
    pages
}

/// `store/struct.FileStore.html` is `tokenkeep::store::FileStore`.
fn path_of(link: &str) -> String {
    let link = link.trim_end_matches(".html");
    let (modules, file) = link.rsplit_once('/').map_or(("", link), |(modules, file)| (modules, file));
    let (_, name) = file.split_once('.').expect("the kind comes first");
    let modules = modules.split('/').filter(|module| !module.is_empty()).map(|module| format!("{module}::"));
    format!("tokenkeep::{}{name}", modules.collect::<String>())
}

fn listed(pages: &[Page]) -> String {
    let mut lines = BTreeSet::new();
    let at_root: BTreeSet<_> = pages.iter().filter_map(|page| page.path.strip_prefix("tokenkeep::")).collect();
    for page in pages {
        let (module, name) = page.path.rsplit_once("::").expect("an item is in a module");
        lines.insert(format!("{module}  pub mod"));
        // The root exports again what every program names.
        if module != "tokenkeep" && at_root.contains(name) {
            lines.insert(format!("{}  = tokenkeep::{name}", page.path));
            continue;
        }
        lines.extend(page.items().map(|item| format!("{}{}  {}", page.path, item.name, text_of(item.html))));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

impl Page {
    /// Lists what is declared on the page: the item, then fields, variants, functions and implementations of traits.
    fn items(&self) -> impl Iterator<Item = Item<'_>> {
        // What every type has, and what other pages declare.
        let ends = ["id=\"synthetic-implementations\"", "id=\"blanket-implementations\"", "id=\"implementors\""];
        let end = ends.iter().filter_map(|end| self.html.find(end)).min().unwrap_or(self.html.len());
        let html = &self.html[..end];
        let (own, of_traits) = html.split_at(html.find("id=\"trait-implementations\"").unwrap_or(html.len()));
        let declaration = between(own, "item-decl\"><code>", "</code></pre>").take(1).map(|html| Item {
            name: String::new(),
            html: html.split_once("{<details").map_or(html, |(head, _)| head).split(" {\n").next().unwrap_or(html),
        });
        let parts = ["method.", "tymethod.", "variant.", "associatedtype."];
        let functions = parts.into_iter().flat_map(move |kind| headed(own, kind).map(Item::part));
        let fields = between(own, "id=\"structfield.", "</code>").chain(between(own, "id=\"variant.", "</code>"));
        let fields = fields.filter_map(|field| {
            let (id, html) = field.split_once("\" class=\"")?;
            let name = id.replace(".field.", "::");
            // A variant is a section of its own, and a field with a number stands in the signature.
            let is_field = html.starts_with("structfield") || id.contains(".field.");
            (is_field && !id.ends_with(".0") && id.parse::<u8>().is_err()).then_some(())?;
            let (_, html) = html.split_once("<code>")?;
            Some(Item { name: format!("::{name}"), html })
        });
        let implementations = headed(of_traits, "impl-").map(|(_, html)| Item { name: String::new(), html });
        declaration.chain(functions).chain(fields).chain(implementations)
    }
}

impl<'a> Item<'a> {
    fn part((name, html): (&'a str, &'a str)) -> Item<'a> {
        Item { name: format!("::{name}"), html }
    }

    /// Returns the declaration if it names a type that has no page: rustdoc links every other.
    fn unlinked(&self) -> Option<String> {
        let mut plain = self.html.to_owned();
        while let Some((before, rest)) = plain.split_once("<a ") {
            plain = format!("{before}{}", rest.split_once("</a>").map_or("", |(_, rest)| rest));
        }
        let plain = text_of(&plain);
        // Its own name is not linked: what follows it counts.
        let (head, named) =
            plain.split_once("fn ").map_or(("", &*plain), |(_, rest)| rest.split_once('(').unwrap_or(("", rest)));
        let is_checked = !head.is_empty() || plain.starts_with("impl");
        let mut words = named.split(|symbol: char| !symbol.is_alphanumeric() && symbol != '_');
        let is_type = |word: &str| {
            word.starts_with(char::is_uppercase) && word.len() > 1 && !["Self", "Item", "Output"].contains(&word)
        };
        (is_checked && words.any(is_type)).then(|| text_of(self.html))
    }
}

/// Finds the sections whose id begins with `kind`: the rest of the id, and the declaration below it.
fn headed<'a>(html: &'a str, kind: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let start = format!("<section id=\"{kind}");
    let sections: Vec<_> = html.match_indices(&start).map(|(at, _)| &html[at + start.len()..]).collect();
    sections.into_iter().filter_map(|section| {
        let (id, rest) = section.split_once('"')?;
        let (_, header) = rest.split_once("class=\"code-header\">")?;
        let (header, _) = header.split_once("</h")?;
        Some((id, header))
    })
}

fn between<'a>(html: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    html.split(start).skip(1).filter_map(move |rest| rest.split_once(end).map(|(inner, _)| inner))
}

/// Takes tags and entities out of HTML; one blank stays where there were several.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    for part in html.replace("</div>", " ").split('<') {
        let (tag, rest) = part.split_once('>').unwrap_or(("", part));
        text.push_str(if tag.is_empty() && text.is_empty() { part } else { rest });
    }
    for (entity, symbol) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), (" ⓘ", ""), ("&amp;", "&")]
    {
        text = text.replace(entity, symbol);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(").replace(", )", ")")
}
