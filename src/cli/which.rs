//! `which`: which profile's token a URL gets from the helpers, and why.

use serde_json::json;

use super::Context;
use crate::consumers::hosts::{HostMap, ProfileHost};
use crate::error::{Code, Error, Remedy};
use crate::profile::Target;

pub(super) fn run(context: &Context<'_>, url: &str) -> Result<u8, Error> {
    let target = Target::parse(url).map_err(|why| Error::new(Code::Usage, format!("the URL {why}")))?;
    let only = context.profile.is_some().then(|| context.profile_name()).transpose()?;
    let map = HostMap::read(&context.home, only.as_ref())?;
    let Some(chosen) = map.chosen(&target)? else {
        let message = format!("no profile names {target} in `hosts`: helpers hand out no token for it");
        return Err(Error::new(Code::ProfileNotFound, message).with_remedy(Remedy::NameHost(target.to_string())));
    };
    let others = map.others(&target);
    let (profile, pattern) = (chosen.profile.as_str(), chosen.host.pattern.as_str());
    if context.ui.is_json() {
        let other = |(entry, why): &(&ProfileHost, String)| json!({"profile": entry.profile.as_str(), "pattern": entry.host.pattern.as_str(), "why": why});
        let others: Vec<_> = others.iter().map(other).collect();
        return context.ui.json(&json!({"profile": profile, "pattern": pattern, "others": others}));
    }
    let mut text = format!("{profile}, by {pattern}\n");
    for (entry, why) in &others {
        text.push_str(&format!("not {}: {} {why}\n", entry.profile, entry.host.pattern.as_str()));
    }
    context.ui.data(text.as_bytes())
}
