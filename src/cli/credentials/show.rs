//! `credentials show`: a profile, never its secret.

use serde_json::{Map, Value, json};

use crate::cli::Context;
use crate::encoding::duration;
use crate::error::Error;
use crate::manage::credential::{Description, describe, one_line};

pub(super) fn run(context: &Context<'_>) -> Result<u8, Error> {
    let name = context.profile_name()?;
    let Description { members, age } = describe(&context.home, &name)?;
    if context.ui.is_json() {
        let mut object: Map<_, _> = members.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        object.insert("age_s".to_owned(), json!(age.map(|age| age.as_secs())));
        return context.ui.json(&Value::Object(object));
    }
    let shown = members.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    let shown = shown.chain(age.map(|age| ("age", duration::show(age))));
    let lines: String = shown.map(|(name, value)| format!("{name:<18} {}\n", one_line(&value))).collect();
    context.ui.data(lines.as_bytes())
}
